import type { Measured } from "../measure.ts";
import { cpuMicroseconds, median, percentile, perSecond, type Series, verdict } from "../results.ts";
import type { FleetMemory } from "./fleet.ts";
import type { Flood } from "./flood.ts";
import type { EntrySize, Production } from "./measure.ts";
import type { Outage } from "./outage.ts";
import type { Paced } from "./paced.ts";
import type { Protocol } from "./scene.ts";

/** A line of the table: what was measured of one protocol, and whether that holds. */
export interface BarRow {
  readonly what: string;
  readonly measured: string;
  readonly held: boolean;
  readonly bar: string;
  /** go-choria's own adapter, which validates nothing. */
  readonly adapter: string;
}

const CPU_OVER_FLOOR = { v1: 1.3, v2: 1.2 };
const SUSTAINED = { v1: 6_500, v2: 5_000 };
const LATENCY_MS = { p50: 1.5, p99: 10 };
const CPU_MS = { v1: 0.5, v2: 0.65 };
const MEMORY_MB = 300;
/** Of the last fifth of a fleet's messages over the second: a cache that fills is no leak, one that goes on growing is. */
const FLAT = 1.1;
const ENTRY_BYTES = { v1: 450, v2: 200 };

/** The rows of what was measured, in the order of the bars. `series` are the bridge's and its floors'. */
export function barRows(series: readonly Series[], production: Production): readonly BarRow[] {
  const { latency, flood, outage, entries, fleet } = production;
  return [
    ...seriesRows(series),
    ...flood.flatMap(floodRows),
    ...latency.flatMap(pacedRows),
    ...fleet.map(memoryRow),
    ...entries.map(entryRow),
    ...outage.flatMap(outageRows),
  ];
}

/** The section of bench/results.md. */
export function renderProduction(rows: readonly BarRow[], conditions: string): string {
  return [
    "## The bridge in production",
    "",
    "Written by `npm run bench`; `npm run bench -- NAME` measures one of `rates`, `latency`, `flood`, `outage`, `entries` and `fleet`.",
    "",
    conditions,
    "",
    "| What | measured | bar | go-choria's adapter |",
    "|---|---|---|---|",
    ...rows.map(
      ({ what, measured, held, bar, adapter }) => `| ${what} | ${measured} ${verdict(held)} | ${bar} | ${adapter} |`,
    ),
    "",
    "Loads: distinct, really signed registrations of about 4 kB on the wire from 1,000 nodes (the fleet: 300,000, each with a",
    "certificate or token of its own; v1 nodes share 1,100 RSA keys in turn, more than the bridge keeps objects of). Flood: a publisher",
    "that waits for nothing. Latency: from just before the publish to the moment at which the stream stored it. CPU: user and system",
    "time of the bridge's process. Memory: its resident set, once a second. Outage: the server with the stream is stopped, the one",
    "that the messages come from is not. Entries: heap and array buffers, 300,000 in a cache for 400,000. The last column was measured",
    "with go-choria v0.29.4 on another day on a machine of this kind; it validates nothing.",
    "",
  ].join("\n");
}

function seriesRows(series: readonly Series[]): readonly BarRow[] {
  const measured = (name: string) => series.find((each) => each.name === name)?.measured ?? [];
  return (["v1", "v2"] as const).flatMap((protocol) => {
    const [own, floor] = [measured(`bridge ${protocol}`), measured(`floor-bridge ${protocol}`)];
    return own.length === 0 || floor.length === 0 ? [] : rateRows(protocol, own, floor);
  });
}

function rateRows(protocol: Protocol, own: readonly Measured[], floor: readonly Measured[]): readonly BarRow[] {
  const ratio = median(own.map(cpuMicroseconds)) / median(floor.map(cpuMicroseconds));
  const rate = median(own.map(perSecond));
  const bar = CPU_OVER_FLOOR[protocol];
  return [
    {
      what: `${protocol}: CPU a message over \`bench/floor-bridge\``,
      measured: ratio.toFixed(2),
      held: ratio <= bar,
      bar: `at most ${bar}`,
      adapter: "",
    },
    {
      what: `${protocol}: signed registrations, sustained, each stored with a PubAck`,
      measured: `${Math.round(rate)}/s`,
      held: rate >= SUSTAINED[protocol],
      bar: `at least ${SUSTAINED[protocol]}/s`,
      adapter: "about 2,000/s",
    },
  ];
}

function floodRows({ protocol, sent, sentPerSecond, report, inStream, outOfOrder }: Flood): readonly BarRow[] {
  const { received, overload, rejected, shed, ingestDisconnects } = report;
  const missing = sent - received;
  // What a server that cut the bridge off has thrown away is of unknown size, but that it did is known.
  const isKnown = missing === 0 || ingestDisconnects > 0;
  const isBalanced = received === inStream + overload + rejected + shed;
  const gap = missing === 0 ? "" : `, ${missing} lost in ${ingestDisconnects} disconnects`;
  return [
    {
      what: `${protocol}: sent = received + known gap, at full speed (${Math.round(sentPerSecond)}/s)`,
      measured: `${sent} sent, ${received} received${gap}; ${inStream} stored, ${overload + shed} shed and counted, ${rejected} rejected`,
      held: isKnown && isBalanced,
      bar: "always",
      adapter: "49 % lost, unseen",
    },
    {
      what: `${protocol}: order per sender, at full speed`,
      measured: `${outOfOrder} of ${inStream} out of order`,
      held: outOfOrder === 0 && inStream > 0,
      bar: "kept",
      adapter: "not kept",
    },
  ];
}

function pacedRows({ protocol, sent, stored, latenciesMs, cpuMsPerMessage, report }: Paced): readonly BarRow[] {
  const [p50, p99] = [percentile(latenciesMs, 0.5), percentile(latenciesMs, 0.99)];
  return [
    {
      what: `${protocol}: latency at 1,000/s, p50 / p99`,
      measured: `${p50.toFixed(1)} / ${p99.toFixed(1)} ms; ${stored} of ${sent} stored, ${report.overload + report.shed} shed`,
      held: p50 <= LATENCY_MS.p50 && p99 <= LATENCY_MS.p99 && stored === sent,
      bar: `at most ${LATENCY_MS.p50} / ${LATENCY_MS.p99} ms`,
      adapter: "1.6 / 32 ms",
    },
    {
      what: `${protocol}: CPU a message at 1,000/s`,
      measured: `${cpuMsPerMessage.toFixed(2)} ms`,
      held: cpuMsPerMessage <= CPU_MS[protocol],
      bar: `at most ${CPU_MS[protocol]} ms`,
      adapter: "1.27 ms",
    },
  ];
}

function memoryRow({ protocol, senders, sent, report }: FleetMemory): BarRow {
  const kept = report.stored + report.duplicate;
  const most = Math.max(...report.memory.map(({ rss }) => rss)) / 1e6;
  const growth = fleetGrowth(report.memory, senders);
  const cpu = (report.cpuSeconds / sent) * 1e6;
  return {
    what: `${protocol}: memory after ${sent} messages from ${senders} senders`,
    measured: `at most ${most.toFixed(0)} MB, the last fifth over the first after every sender was seen ${growth.toFixed(2)}; ${kept} stored, ${cpu.toFixed(0)} us CPU a message with the first proofs`,
    held: most <= MEMORY_MB && growth <= FLAT && kept === sent,
    bar: `flat, at most ${MEMORY_MB} MB`,
    adapter: "",
  };
}

/** Median memory of the last fifth of what came after every sender was seen once, over that of the first fifth. */
export function fleetGrowth(
  memory: readonly { readonly received: number; readonly rss: number }[],
  senders: number,
): number {
  const seen = memory.filter(({ received }) => received >= senders).map(({ rss }) => rss);
  const fifth = Math.max(1, Math.floor(seen.length / 5));
  return median(seen.slice(-fifth)) / median(seen.slice(0, fifth));
}

function entryRow({ protocol, bytes }: EntrySize): BarRow {
  return {
    what: `${protocol}: a remembered node`,
    measured: `${Math.round(bytes)} bytes`,
    held: bytes <= ENTRY_BYTES[protocol],
    bar: `at most ${ENTRY_BYTES[protocol]} bytes`,
    adapter: "",
  };
}

function outageRows({ protocol, sent, inStream, awayMs, outOfOrder }: Outage): readonly BarRow[] {
  return [
    {
      what: `${protocol}: JetStream away for ${awayMs / 1_000} s at 500/s`,
      measured: `${sent - inStream} of ${sent} lost`,
      held: inStream === sent,
      bar: "0 lost",
      adapter: "5,003 to 5,615 of 10,000 to 12,500 lost",
    },
    {
      what: `${protocol}: order per sender across that outage`,
      measured: `${outOfOrder} of ${inStream} out of order`,
      held: outOfOrder === 0 && inStream > 0,
      bar: "kept",
      adapter: "not kept",
    },
  ];
}
