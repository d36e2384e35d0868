import { percentile } from "../../results.ts";
import {
  type Bar,
  cpuBar,
  floodBar,
  floodOrderBar,
  latencyBar,
  outageBar,
  outageOrderBar,
  sustainedBar,
} from "../bars.ts";
import type { Paced } from "../paced.ts";
import type { AdapterFlood, AdapterFound } from "./measure.ts";
import type { AdapterReport } from "./process.ts";

/** What go-choria's adapter has to show beside a bar. */
export interface AdapterCell extends Bar {
  readonly adapter: string;
}

export function adapterCells({ protocol, flood, latency, outage }: AdapterFound): readonly AdapterCell[] {
  const { inStream, sent, awayMs, report } = outage;
  const away = `${lostOf(sent, inStream)}; ${errorsOf(report)}`;
  return [
    { ...sustainedBar(protocol), adapter: `${Math.round(flood.storedPerSecond)}/s, without a PubAck` },
    { ...floodBar(protocol), adapter: floodText(flood) },
    { ...floodOrderBar(protocol), adapter: orderText(flood) },
    { ...latencyBar(protocol), adapter: latencyText(latency) },
    { ...cpuBar(protocol), adapter: `${latency.cpuMsPerMessage.toFixed(2)} ms` },
    { ...outageBar(protocol, awayMs), adapter: away },
    { ...outageOrderBar(protocol), adapter: orderText(outage) },
  ];
}

function floodText({ sent, sentPerSecond, inStream, report }: AdapterFlood): string {
  const rate = `${sent} sent (${Math.round(sentPerSecond)}/s), ${report.received} received`;
  return `${rate}; ${inStream} stored, ${lostOf(sent, inStream)}; ${errorsOf(report)}`;
}

function latencyText({ latenciesMs, sent, stored }: Paced<AdapterReport>): string {
  const [p50, p99] = [percentile(latenciesMs, 0.5), percentile(latenciesMs, 0.99)];
  return `${p50.toFixed(1)} / ${p99.toFixed(1)} ms; ${stored} of ${sent} stored`;
}

function orderText({ outOfOrder, inStream }: { readonly outOfOrder: number; readonly inStream: number }): string {
  return `${outOfOrder} of ${inStream} out of order`;
}

function lostOf(sent: number, inStream: number): string {
  const lost = sent - inStream;
  return `${lost} of ${sent} lost (${((lost / sent) * 100).toFixed(0)} %)`;
}

function errorsOf({ errors }: AdapterReport): string {
  return `its own metric of errors says ${errors}`;
}
