import type { Measured } from "./measure.ts";

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly node: string;
  readonly natsServer: string;
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

interface Comparison {
  readonly name: string;
  readonly floor: string;
  /** What is compared, as project over floor; and the bar. */
  readonly of: "cpu" | "rate";
  readonly bar: number;
}

const COMPARISONS: readonly Comparison[] = [
  { name: "bridge v1", floor: "floor-bridge v1", of: "cpu", bar: 1.6 },
  { name: "bridge v2", floor: "floor-bridge v2", of: "cpu", bar: 1.6 },
  { name: "worker", floor: "floor-worker", of: "rate", bar: 0.6 },
];

const cpuMicroseconds = ({ cpuSeconds, messages }: Measured): number => (cpuSeconds / messages) * 1e6;
const perSecond = ({ seconds, messages }: Measured): number => messages / seconds;

function median(values: readonly number[]): number {
  const ascending = [...values].sort((a, b) => a - b);
  return ascending[Math.floor(ascending.length / 2)] ?? Number.NaN;
}

/** The text of bench/results.md below its history. */
export function renderResults(machine: Machine, series: readonly Series[]): string {
  const kilobytes = (bytes: number) => (bytes / 1_000).toFixed(1);
  const rows = series.map(({ name, measured, sizes }) => {
    const size = `${kilobytes(sizes.wireBytes)} | ${kilobytes(sizes.storedBytes)}`;
    const rates = measured.map(perSecond);
    const range = `${Math.round(Math.min(...rates))} to ${Math.round(Math.max(...rates))}`;
    return `| ${name} | ${median(measured.map(cpuMicroseconds)).toFixed(1)} | ${Math.round(median(rates))} | ${range} | ${size} |`;
  });
  return [
    "# Benchmark",
    "",
    "Written by `npm run bench` down to the history. Ratios within one run are what counts: rates swing by a factor of two between",
    "machines and hours. What the floors do is said at the top of `bench/floor-bridge.ts` and `bench/floor-worker.ts`.",
    "",
    `${machine.cores} x ${machine.cpu}; Node ${machine.node}; nats-server ${machine.natsServer}, one server, file storage, R1, loopback; ${machine.date}.`,
    "Bridge load: distinct, really signed registrations of 1,000 senders, each sent once; worker load: distinct messages, no-op handler,",
    "acknowledgements confirmed. Median of the rounds; CPU is the measured process alone.",
    "",
    "| Subject | CPU us a message | messages/s | range over rounds | kB on the wire | kB stored |",
    "|---|---|---|---|---|---|",
    ...rows,
    "",
    "| Ratio to the floor | measured | bar |",
    "|---|---|---|",
    ...COMPARISONS.flatMap((comparison) => ratioRow(comparison, series)),
    "",
  ].join("\n");
}

function ratioRow({ name, floor, of, bar }: Comparison, series: readonly Series[]): string[] {
  const read = of === "cpu" ? cpuMicroseconds : perSecond;
  const value = (wanted: string) => median((series.find((each) => each.name === wanted)?.measured ?? []).map(read));
  const ratio = value(name) / value(floor);
  if (Number.isNaN(ratio)) return [];
  const held = of === "cpu" ? ratio <= bar : ratio >= bar;
  const sense = of === "cpu" ? "at most" : "at least";
  const what = of === "cpu" ? "CPU a message" : "messages/s";
  return [`| ${name}, ${what} | ${ratio.toFixed(2)} ${held ? "(held)" : "(MISSED)"} | ${sense} ${bar} |`];
}
