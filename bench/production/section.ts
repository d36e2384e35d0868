import type { Measured } from "../measure.ts";
import { cpuMicroseconds, median, percentile, perSecond, type Series, verdict } from "../results.ts";
import { type AdapterCell, adapterCells } from "./adapter/cells.ts";
import type { AdapterColumn } from "./adapter/measure.ts";
import {
  type Bar,
  CPU_MS,
  CPU_OVER_FLOOR,
  cpuBar,
  floodBar,
  floodOrderBar,
  LATENCY_MS,
  latencyBar,
  outageBar,
  outageOrderBar,
  SUSTAINED,
  sustainedBar,
} from "./bars.ts";
import type { FleetMemory } from "./fleet.ts";
import type { Flood } from "./flood.ts";
import type { EntrySize, Production } from "./measure.ts";
import type { Outage } from "./outage.ts";
import type { Paced } from "./paced.ts";
import type { Protocol } from "./scene.ts";
import type { MemorySample } from "./watched.ts";

/** What was measured of one protocol, and whether that holds. */
interface OwnRow extends Bar {
  readonly measured: string;
  readonly held: boolean;
}

/** A line of the table. */
export interface BarRow extends Bar {
  readonly measured: string;
  /** Null where only the adapter was measured. */
  readonly held: boolean | null;
  /** go-choria's own adapter, which validates nothing. */
  readonly adapter: string;
}

const MEMORY_MB = 300;
/** Of the last fifth of a fleet's messages over the second: a cache that fills is no leak, one that goes on growing is. */
const FLAT = 1.1;
const ENTRY_BYTES = { v1: 450, v2: 200 };

const NOT_MEASURED = "not measured";
/** The line of a table that would have none. */
const ABSENT = { what: "go-choria's adapter", measured: "", held: null, bar: "", isCompared: true };
const NOT_ASKED_FOR: AdapterColumn = { ok: false, reason: "not asked for" };

/** The rows of what was measured, in the order of the bars. `series` are the bridge's and its floors'. */
export function barRows(
  series: readonly Series[],
  production: Production,
  adapter: AdapterColumn = NOT_ASKED_FOR,
): readonly BarRow[] {
  const own = ownRows(series, production);
  if (adapter.ok) return withAdapter(own, adapter.found.flatMap(adapterCells));
  const missing = `not measured: ${adapter.reason}`;
  if (own.length === 0 && adapter !== NOT_ASKED_FOR) return [{ ...ABSENT, adapter: missing }];
  return own.map((row) => ({ ...row, adapter: row.isCompared ? missing : "" }));
}

/** The bridge's rows with the adapter's cells beside them, and rows for those cells that have none. */
function withAdapter(own: readonly OwnRow[], cells: readonly AdapterCell[]): readonly BarRow[] {
  const beside = ({ what, isCompared }: Bar): string =>
    cells.find((cell) => cell.what === what)?.adapter ?? (isCompared ? NOT_MEASURED : "");
  const others = cells.filter(({ what }) => own.every((row) => row.what !== what));
  return [
    ...own.map((row) => ({ ...row, adapter: beside(row) })),
    ...others.map((cell) => ({ ...cell, measured: NOT_MEASURED, held: null })),
  ];
}

function ownRows(series: readonly Series[], production: Production): readonly OwnRow[] {
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
    "Written by `npm run bench` and `npm run bench -- --production`; `npm run bench -- NAME` measures one of `rates`, `latency`, `flood`, `outage`, `entries`, `fleet` and `adapter`.",
    "",
    conditions,
    "",
    "| What | measured | bar | go-choria's adapter |",
    "|---|---|---|---|",
    ...rows.map(
      ({ what, measured, held, bar, adapter }) =>
        `| ${what} | ${held === null ? measured : `${measured} ${verdict(held)}`} | ${bar} | ${cellOf(adapter)} |`,
    ),
    "",
    "Loads: distinct, really signed registrations of about 4 kB on the wire from 1,000 nodes (the fleet: 300,000, each with a",
    "certificate or token of its own; v1 nodes share 1,100 RSA keys in turn, more than the bridge keeps objects of). Flood: a publisher",
    "that waits for nothing. Latency: from just before the publish to the moment at which the stream stored it. CPU: user and system",
    "time of the measured process. Memory: its resident set, once a second. Outage: the server with the stream is stopped, the one",
    "that the messages come from is not. Entries: heap and array buffers, 300,000 in a cache for 400,000.",
    "",
    "The last column is go-choria v0.29.4's own adapter (`jetstream`, every setting its default) in a process of its own, with the same",
    "loads, machine and nats-server program. It validates nothing: it looks at no signature, certificate or token, and stores whatever",
    "is well-formed. It publishes without a PubAck, so its metric of errors (the sum of `choria_adapter_errors`) need not be what was",
    "lost, which is what was sent less what the stream holds. It connects by TLS, as it cannot do otherwise; the bridge does not here.",
    "Its sustained rate is that of the flood, from the first message stored to the last.",
    "",
  ].join("\n");
}

/** A reason may be whatever a command printed. */
function cellOf(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll(/\s+/g, " ");
}

function seriesRows(series: readonly Series[]): readonly OwnRow[] {
  const measured = (name: string) => series.find((each) => each.name === name)?.measured ?? [];
  return (["v1", "v2"] as const).flatMap((protocol) => {
    const [own, floor] = [measured(`bridge ${protocol}`), measured(`floor-bridge ${protocol}`)];
    return own.length === 0 || floor.length === 0 ? [] : rateRows(protocol, own, floor);
  });
}

function rateRows(protocol: Protocol, own: readonly Measured[], floor: readonly Measured[]): readonly OwnRow[] {
  const ratio = median(own.map(cpuMicroseconds)) / median(floor.map(cpuMicroseconds));
  const rate = median(own.map(perSecond));
  const bar = CPU_OVER_FLOOR[protocol];
  return [
    {
      what: `${protocol}: CPU a message over \`bench/floor-bridge\``,
      measured: ratio.toFixed(2),
      held: ratio <= bar,
      bar: `at most ${bar}`,
      isCompared: false,
    },
    {
      ...sustainedBar(protocol),
      measured: `${Math.round(rate)}/s`,
      held: rate >= SUSTAINED[protocol],
    },
  ];
}

function floodRows({ protocol, sent, sentPerSecond, report, inStream, outOfOrder }: Flood): readonly OwnRow[] {
  const { received, overload, rejected, shed, ingestDisconnects } = report;
  const missing = sent - received;
  // What a server that cut the bridge off has thrown away is of unknown size, but that it did is known.
  const isKnown = missing === 0 || ingestDisconnects > 0;
  const isBalanced = received === inStream + overload + rejected + shed;
  const gap = missing === 0 ? "" : `, ${missing} lost in ${ingestDisconnects} disconnects`;
  return [
    {
      ...floodBar(protocol),
      measured: `${sent} sent (${Math.round(sentPerSecond)}/s), ${received} received${gap}; ${inStream} stored, ${overload + shed} shed and counted, ${rejected} rejected`,
      held: isKnown && isBalanced,
    },
    {
      ...floodOrderBar(protocol),
      measured: `${outOfOrder} of ${inStream} out of order`,
      held: outOfOrder === 0 && inStream > 0,
    },
  ];
}

function pacedRows({ protocol, sent, stored, latenciesMs, cpuMsPerMessage, report }: Paced): readonly OwnRow[] {
  const [p50, p99] = [percentile(latenciesMs, 0.5), percentile(latenciesMs, 0.99)];
  return [
    {
      ...latencyBar(protocol),
      measured: `${p50.toFixed(1)} / ${p99.toFixed(1)} ms; ${stored} of ${sent} stored, ${report.overload + report.shed} shed`,
      held: p50 <= LATENCY_MS.p50 && p99 <= LATENCY_MS.p99 && stored === sent,
    },
    {
      ...cpuBar(protocol),
      measured: `${cpuMsPerMessage.toFixed(2)} ms`,
      held: cpuMsPerMessage <= CPU_MS[protocol],
    },
  ];
}

function memoryRow({ protocol, senders, sent, report }: FleetMemory): OwnRow {
  const kept = report.stored + report.duplicate;
  const peak = report.memory.reduce((most, sample) => (sample.rss > most.rss ? sample : most));
  const most = peak.rss / 1e6;
  const growth = fleetGrowth(report.memory, senders);
  const cpu = (report.cpuSeconds / sent) * 1e6;
  return {
    what: `${protocol}: memory after ${sent} messages from ${senders} senders`,
    measured: `at most ${most.toFixed(0)} MB (${partsOf(peak)}), the last fifth over the first after every sender was seen ${growth.toFixed(2)}; ${kept} stored, ${cpu.toFixed(0)} us CPU a message with the first proofs`,
    held: most <= MEMORY_MB && growth <= FLAT && kept === sent,
    bar: `flat, at most ${MEMORY_MB} MB`,
    isCompared: false,
  };
}

function partsOf({ rss, heapTotal, external }: MemorySample): string {
  const [heap, buffers, rest] = [heapTotal, external, rss - heapTotal - external].map((bytes) =>
    (bytes / 1e6).toFixed(0),
  );
  return `V8's heap ${heap}, buffers ${buffers}, program and malloc ${rest}`;
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

function entryRow({ protocol, bytes }: EntrySize): OwnRow {
  return {
    what: `${protocol}: a remembered node`,
    measured: `${Math.round(bytes)} bytes`,
    held: bytes <= ENTRY_BYTES[protocol],
    bar: `at most ${ENTRY_BYTES[protocol]} bytes`,
    isCompared: false,
  };
}

function outageRows({ protocol, sent, inStream, awayMs, outOfOrder }: Outage): readonly OwnRow[] {
  return [
    {
      ...outageBar(protocol, awayMs),
      measured: `${sent - inStream} of ${sent} lost`,
      held: inStream === sent,
    },
    {
      ...outageOrderBar(protocol),
      measured: `${outOfOrder} of ${inStream} out of order`,
      held: outOfOrder === 0 && inStream > 0,
    },
  ];
}
