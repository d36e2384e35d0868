import type { MemoryUse } from "./jobs/memory.ts";
import type { Measured } from "./measure.ts";

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly node: string;
  readonly natsServer: string;
  /** Version; null when none could be had. */
  readonly redis: string | null;
  readonly date: string;
}

/** Mean bytes of a message: as it arrives, and as it lies in the stream. */
export interface Sizes {
  readonly wireBytes: number;
  readonly storedBytes: number;
}

/** The rounds of one subject. */
export interface Series {
  readonly name: string;
  readonly sizes: Sizes;
  readonly measured: readonly Measured[];
}

/** What is measured against a fixed bar. */
export interface Limits {
  readonly idleFloorMs: readonly number[];
  readonly idleWorkerMs: readonly number[];
  readonly emptyDrainMs: readonly number[];
  readonly memory: MemoryUse;
  /** Messages that wait at one moment while memory is measured. */
  readonly backlog: number;
}

export interface Results {
  readonly machine: Machine;
  readonly series: readonly Series[];
  readonly limits: Limits;
  /** What could not be measured here, by the name of its subject, and why. */
  readonly missing: ReadonlyMap<string, string>;
}

interface Comparison {
  readonly name: string;
  readonly floor: string;
  /** What is compared, as project over floor; and the bar. */
  readonly of: "cpu" | "rate";
  readonly bar: number;
}

const COMPARISONS: readonly Comparison[] = [
  { name: "worker", floor: "floor-consume", of: "rate", bar: 0.7 },
  { name: "worker", floor: "floor-worker", of: "rate", bar: 0.7 },
  { name: "worker at 100", floor: "bullmq at 100", of: "rate", bar: 3 },
];
const IDLE_P99_MS = 10;
const EMPTY_DRAIN_MS = 150;
const GROWTH_MB = 64;

export const cpuMicroseconds = ({ cpuSeconds, messages }: Measured): number => (cpuSeconds / messages) * 1e6;
export const perSecond = ({ seconds, messages }: Measured): number => messages / seconds;
export const verdict = (held: boolean): string => (held ? "(held)" : "(MISSED)");

/** The smallest value that at least `share` of the values do not exceed. */
export function percentile(values: readonly number[], share: number): number {
  const ascending = [...values].sort((a, b) => a - b);
  return ascending[Math.max(0, Math.ceil(ascending.length * share) - 1)] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

/** The text of bench/results.md above its history. */
export function renderResults({ machine, series, limits, missing }: Results): string {
  const redis = machine.redis === null ? "" : `; Redis ${machine.redis}, append-only file synced every second`;
  return [
    "# Benchmark",
    "",
    "Written by `npm run bench` down to the history. Ratios within one run are what counts: rates swing by a factor of two between",
    "machines and hours. What the floors do is said at the top of `bench/floor-bridge.ts`, `bench/floor-consume.ts` (the client's own",
    "consume loop) and `bench/floor-worker.ts` (pulls by hand).",
    "",
    `${machine.cores} x ${machine.cpu}; Node ${machine.node}; nats-server ${machine.natsServer}, one server, file storage, R1, loopback${redis}; ${machine.date}.`,
    "Bridge load: distinct, really signed registrations of 1,000 senders, each sent once. Worker load: distinct JSON jobs with message",
    "ids, checked against a schema by the worker (not by the floor), no-op handler, 256 at a time unless said, leases, metrics and",
    "confirmed acknowledgements as in production. BullMQ: its worker with a no-op handler on the same payloads, 100 at a time, done",
    "jobs removed. Median of the rounds; CPU is the measured process alone.",
    "",
    "| Subject | CPU us a message | messages/s | range over rounds | kB on the wire | kB stored |",
    "|---|---|---|---|---|---|",
    ...series.map(seriesRow),
    "",
    "| Ratio | measured | bar |",
    "|---|---|---|",
    ...COMPARISONS.map((comparison) => ratioRow(comparison, series, missing)),
    "",
    "| Limit | measured | bar |",
    "|---|---|---|",
    ...limitRows(limits),
    "",
    "Idle: jobs come one at a time, 5 to 15 ms apart, from another process; the clock runs from before the publish to the start of the",
    "handler (bare loop: to the parsed message). Drain: from `drainOnce` to its report, over jobs that were just opened. Memory: resident",
    "set of the worker, sampled every 50 ms, its most while the backlog is there less its least while idle just before; nothing is",
    "collected by force. Part of it is the garbage collector's: how far the same worker's memory moved while idle stands beside it.",
    "",
  ].join("\n");
}

function seriesRow({ name, measured, sizes }: Series): string {
  const kilobytes = (bytes: number) => (bytes / 1_000).toFixed(1);
  const size = `${kilobytes(sizes.wireBytes)} | ${kilobytes(sizes.storedBytes)}`;
  const rates = measured.map(perSecond);
  const range = `${Math.round(Math.min(...rates))} to ${Math.round(Math.max(...rates))}`;
  return `| ${name} | ${median(measured.map(cpuMicroseconds)).toFixed(1)} | ${Math.round(median(rates))} | ${range} | ${size} |`;
}

function ratioRow(
  { name, floor, of, bar }: Comparison,
  series: readonly Series[],
  missing: ReadonlyMap<string, string>,
): string {
  const read = of === "cpu" ? cpuMicroseconds : perSecond;
  const value = (wanted: string) => median((series.find((each) => each.name === wanted)?.measured ?? []).map(read));
  const ratio = value(name) / value(floor);
  const what = `${name} / ${floor}, ${of === "cpu" ? "CPU a message" : "messages/s"}`;
  const wanted = `${of === "cpu" ? "at most" : "at least"} ${bar}`;
  if (Number.isNaN(ratio)) {
    return `| ${what} | not measured: ${missing.get(floor) ?? missing.get(name) ?? "no rounds"} | ${wanted} |`;
  }
  return `| ${what} | ${ratio.toFixed(2)} ${verdict(of === "cpu" ? ratio <= bar : ratio >= bar)} | ${wanted} |`;
}

function limitRows({ idleFloorMs, idleWorkerMs, emptyDrainMs, memory, backlog }: Limits): readonly string[] {
  const ms = (values: readonly number[], share: number): string => `${percentile(values, share).toFixed(1)} ms`;
  const p99 = percentile(idleWorkerMs, 0.99);
  const drain = percentile(emptyDrainMs, 0.99);
  const { growthMb, idleMb } = growth(memory);
  return [
    `| bare pull loop idle, enqueue to message | p50 ${ms(idleFloorMs, 0.5)}, p99 ${ms(idleFloorMs, 0.99)} | |`,
    `| worker idle, enqueue to start | p50 ${ms(idleWorkerMs, 0.5)}, p99 ${ms(idleWorkerMs, 0.99)} ${verdict(p99 <= IDLE_P99_MS)} | p99 at most ${IDLE_P99_MS} ms |`,
    `| drain of an empty queue, ${emptyDrainMs.length} times | median ${ms(emptyDrainMs, 0.5)}, p99 ${ms(emptyDrainMs, 0.99)} ${verdict(drain <= EMPTY_DRAIN_MS)} | p99 at most ${EMPTY_DRAIN_MS} ms |`,
    `| memory of a worker with ${backlog} jobs waiting | +${growthMb.toFixed(1)} MB ${verdict(growthMb < GROWTH_MB)}; while idle +${idleMb.toFixed(1)} MB | less than +${GROWTH_MB} MB |`,
  ];
}

/** How far the worker's memory rose above its least while idle: with the backlog, and idle. */
export function growth({ idle, busy }: MemoryUse): { readonly growthMb: number; readonly idleMb: number } {
  const base = Math.min(...idle);
  const above = (samples: readonly number[]): number => (Math.max(...samples) - base) / 1e6;
  return { growthMb: above(busy), idleMb: above(idle) };
}
