import { type Buckets, bucketsSince } from "../telemetry/buckets.ts";
import type { Bucket } from "./buckets.ts";

/** What a worker says of one of its jobs: cumulative since it started. */
export interface JobReport {
  readonly host: string;
  readonly pid: number;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  readonly at: number;
  /** Messages in hand, and those among them whose handler runs. */
  readonly held: number;
  readonly running: number;
  readonly prefetch: number;
  /** How late the event loop is at worst, lately. */
  readonly loopLagMs: number;
  /** Messages that left, by outcome. */
  readonly settled: Readonly<Record<string, number>>;
  /** Seconds from being stored to being settled, and of runs. */
  readonly latency: Buckets;
  readonly run: Buckets;
  /** Partitions that wait because too much of them is held back. */
  readonly pausedPartitions: readonly number[];
}

/** The part of a report's counts that is from the last minute; shorter after a start. */
export interface RecentCounts extends Pick<JobReport, "settled" | "latency" | "run"> {
  readonly spanMs: number;
}

export interface PublishedReport extends JobReport {
  readonly job: string;
  /** One process; jobs of one worker share it. */
  readonly worker: string;
  readonly recent: RecentCounts;
}

export interface ReportSettings {
  readonly bucket: Bucket;
  /** See `workerId`. */
  readonly worker: string;
  readonly everyMs: number;
  /** The jobs' reports right now. */
  readonly read: () => Promise<ReadonlyMap<string, JobReport>>;
  /** A report could not be written; the next one is tried in its time. */
  readonly onTrouble: (detail: string) => void;
}

const RECENT_MS = 60_000;

/** A worker's name in keys: unique, and telling a person which process it is. `random`: some characters. */
export function workerId(host: string, pid: number, random: string): string {
  return `${host.replace(/[^A-Za-z0-9_-]/g, "-")}-${pid}-${random}`;
}

/**
 * Writes a worker's reports at once and then again and again, each over the one before. Returns the function that ends it
 * and takes them away; a worker that dies without leaves them to the bucket's max age.
 */
export function publishReports(settings: ReportSettings): () => Promise<void> {
  const history = new Map<string, JobReport[]>();
  const publish = async (): Promise<void> => {
    try {
      for (const [job, report] of await settings.read()) {
        const text = JSON.stringify(encoded(report, remember(history, job, report)));
        await settings.bucket.put(`${job}.${settings.worker}`, text);
      }
    } catch (error) {
      settings.onTrouble(error instanceof Error ? error.message : String(error));
    }
  };
  let writing: Promise<void> | null = null;
  const tick = (): void => {
    // A server that is away holds one report back, not a queue of them.
    writing ??= publish().finally(() => {
      writing = null;
    });
  };
  tick();
  const timer = setInterval(tick, settings.everyMs);
  return async () => {
    clearInterval(timer);
    await writing;
    const gone = [...history.keys()].map((job) => settings.bucket.remove(`${job}.${settings.worker}`, null));
    await Promise.allSettled(gone);
  };
}

/** The counts since the oldest report of the last minute. */
function remember(history: Map<string, JobReport[]>, job: string, report: JobReport): RecentCounts {
  const kept = (history.get(job) ?? []).filter(({ at }) => report.at - at <= RECENT_MS);
  history.set(job, [...kept, report]);
  return recentCounts(kept[0] ?? null, report);
}

function recentCounts(before: JobReport | null, { at, startedAt, settled, latency, run }: JobReport): RecentCounts {
  if (before === null) return { spanMs: at - startedAt, settled, latency, run };
  return {
    spanMs: at - before.at,
    settled: Object.fromEntries(
      Object.entries(settled).map(([outcome, count]) => [outcome, count - (before.settled[outcome] ?? 0)]),
    ),
    latency: bucketsSince(latency, before.latency),
    run: bucketsSince(run, before.run),
  };
}

/** Every worker's reports, by job and worker; what cannot be read as one is left out. */
export async function readReports(bucket: Bucket): Promise<readonly PublishedReport[]> {
  const reports = await Promise.all((await bucket.keys()).map((key) => readReport(bucket, key)));
  return reports.flatMap((report) => (report === null ? [] : [report]));
}

async function readReport(bucket: Bucket, key: string): Promise<PublishedReport | null> {
  const entry = await bucket.get(key);
  const dot = key.indexOf(".");
  if (entry === null || dot === -1) return null;
  const report = parseReport(entry.text);
  return report === null ? null : { ...report, job: key.slice(0, dot), worker: key.slice(dot + 1) };
}

/** Adds up histograms of several workers; all have the same bounds, or those of another version besides. */
export function mergeBuckets(all: readonly Buckets[]): Buckets {
  const bounds = new Set(all.flatMap((buckets) => [...buckets.keys()]));
  return new Map([...bounds].map((bound) => [bound, all.reduce((sum, buckets) => sum + upTo(buckets, bound), 0)]));
}

/** Cumulative counts: a bound that a histogram does not have holds at least what the next lower one does. */
function upTo(buckets: Buckets, bound: number): number {
  const lower = [...buckets].filter(([other]) => other <= bound).map(([, count]) => count);
  return Math.max(0, ...lower);
}

type Encoded = readonly (readonly [bound: number | null, count: number])[];

/** JSON knows no infinity. */
function encodedBuckets(buckets: Buckets): Encoded {
  return [...buckets].map(([bound, count]) => [Number.isFinite(bound) ? bound : null, count]);
}

function encoded(report: JobReport, recent: RecentCounts) {
  const counts = ({ settled, latency, run }: Pick<JobReport, "settled" | "latency" | "run">) => ({
    settled,
    latency: encodedBuckets(latency),
    run: encodedBuckets(run),
  });
  return { ...report, ...counts(report), recent: { spanMs: recent.spanMs, ...counts(recent) } };
}

function parseReport(text: string): Omit<PublishedReport, "job" | "worker"> | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  const fields = recordOf(value);
  if (typeof fields.host !== "string" || typeof fields.at !== "number") return null;
  const recent = recordOf(fields.recent);
  return {
    host: fields.host,
    pid: numberOf(fields.pid),
    startedAt: numberOf(fields.startedAt),
    at: fields.at,
    held: numberOf(fields.held),
    running: numberOf(fields.running),
    prefetch: numberOf(fields.prefetch),
    loopLagMs: numberOf(fields.loopLagMs),
    pausedPartitions: listOf(fields.pausedPartitions).map(numberOf),
    ...countsOf(fields),
    recent: { spanMs: numberOf(recent.spanMs), ...countsOf(recent) },
  };
}

function countsOf({ settled, latency, run }: Readonly<Record<string, unknown>>) {
  const outcomes = Object.entries(recordOf(settled)).map(([outcome, count]) => [outcome, numberOf(count)] as const);
  return { settled: Object.fromEntries(outcomes), latency: bucketsFrom(latency), run: bucketsFrom(run) };
}

function bucketsFrom(value: unknown): Buckets {
  const pairs = listOf(value).map(listOf);
  return new Map(
    pairs.map(([bound, count]) => [bound === null ? Number.POSITIVE_INFINITY : numberOf(bound), numberOf(count)]),
  );
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function numberOf(value: unknown): number {
  return typeof value === "number" && Number.isFinite(value) ? value : 0;
}
