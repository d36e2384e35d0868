import { setTimeout as wait } from "node:timers/promises";
import { bucketNames, keptConnection } from "../../../shared/config/names.ts";
import type { Config } from "../../../shared/config/schema.ts";
import { nextMessage } from "../../../shared/jetstream/browse.ts";
import { Bucket } from "../../../shared/jetstream/buckets.ts";
import { countMessages, type QueueState, queueState } from "../../../shared/jetstream/job-queue.ts";
import { isInForce, type Pause, readPauses } from "../../../shared/jetstream/pause.ts";
import { mergeBuckets, type PublishedReport, readReports } from "../../../shared/jetstream/reports.ts";
import { type Stranded, strandedIn } from "../../../shared/jetstream/stranded.ts";
import { quantile } from "../../../shared/telemetry/buckets.ts";
import { aboutConnection, type CommandConnections, type Management } from "../command-connections.ts";
import type { ChosenJob } from "./selection.ts";

/** What stops a job; both at once is the rule where the server can pause. */
export interface PausedState {
  /** The flag that workers follow; null when only the consumer is paused. */
  readonly flag: Pause | null;
  readonly onServer: boolean;
}

/** A job on one line. */
export interface JobSummary {
  readonly job: ChosenJob;
  /** null: the stream does not exist. */
  readonly queue: QueueState | null;
  readonly paused: PausedState | null;
  /** Workers that reported lately. */
  readonly workers: readonly PublishedReport[];
}

export interface JobStatus extends JobSummary {
  /** Messages parked for a long delay. */
  readonly delayed: number;
  /** In the job's stream, whoever reads it; null for a stream that keeps its messages. */
  readonly stranded: Stranded | null;
  /** How long ago the oldest message that is not settled was stored; null: there is none. */
  readonly oldestMs: number | null;
  /** Deliveries that ended, a second. */
  readonly perSecond: number;
  /** From being stored to being settled, over the workers' last minute; null: nothing was settled. */
  readonly latency: { readonly p50Ms: number; readonly p99Ms: number } | null;
  /** null: there is no such stream. */
  readonly dead: number | null;
}

/** Four reports missed: that worker is gone, or cannot write. */
const REPORT_COUNTS_MS = 20_000;
const MS_PER_SECOND = 1_000;

/** What all lines about one connection share. */
interface Shared {
  readonly pauses: ReadonlyMap<string, Pause>;
  readonly reports: readonly PublishedReport[];
}

export class StatusReader {
  readonly #config: Config;
  readonly #connections: CommandConnections;
  readonly #wallNow: () => number;

  constructor(config: Config, connections: CommandConnections, wallNow: () => number) {
    this.#config = config;
    this.#connections = connections;
    this.#wallNow = wallNow;
  }

  async summaries(jobs: readonly ChosenJob[]): Promise<readonly JobSummary[]> {
    const shared = await this.#sharedBy(jobs);
    return Promise.all(jobs.map((job) => this.#on(job.connection, (jsm) => this.#summary(jsm, job, shared))));
  }

  /** Looks at the consumers twice, `sampleMs` apart: that is their speed. */
  async statuses(jobs: readonly ChosenJob[], sampleMs: number): Promise<readonly JobStatus[]> {
    const firstAt = performance.now();
    const before = await Promise.all(
      jobs.map(({ connection, queue }) => this.#on(connection, (jsm) => queueState(jsm, queue))),
    );
    await wait(sampleMs);
    const summaries = await this.summaries(jobs);
    const seconds = (performance.now() - firstAt) / MS_PER_SECOND;
    return Promise.all(
      summaries.map((summary, index) => this.#status(summary, speed(before[index] ?? null, summary.queue, seconds))),
    );
  }

  async #sharedBy(jobs: readonly ChosenJob[]): Promise<ReadonlyMap<string, Shared>> {
    const names = [...new Set(jobs.map(({ connection }) => connection))];
    return new Map(await Promise.all(names.map(async (name) => [name, await this.#shared(name)] as const)));
  }

  async #shared(name: string): Promise<Shared> {
    const { connection } = await this.#connections.get(name);
    const buckets = bucketNames(this.#config);
    try {
      const workers = await Bucket.find(connection, buckets.workers);
      return {
        pauses: await readPauses(connection, buckets.state),
        reports: workers === null ? [] : await readReports(workers),
      };
    } catch (error) {
      throw aboutConnection(name, error);
    }
  }

  async #summary(jsm: Management, job: ChosenJob, shared: ReadonlyMap<string, Shared>): Promise<JobSummary> {
    const queue = await queueState(jsm, job.queue);
    const { pauses, reports } = shared.get(job.connection) ?? { pauses: new Map<string, Pause>(), reports: [] };
    const now = this.#wallNow();
    const flag = pauses.get(job.name) ?? null;
    return {
      job,
      queue,
      paused: pausedState(flag !== null && isInForce(flag, now) ? flag : null, queue),
      workers: reports.filter((report) => report.job === job.name && now - report.at < REPORT_COUNTS_MS),
    };
  }

  async #status(summary: JobSummary, perSecond: number): Promise<JobStatus> {
    const { job, queue, workers } = summary;
    return this.#on(job.connection, async (jsm) => ({
      ...summary,
      perSecond,
      delayed: (await countMessages(jsm, this.#config.delayed.name, `${this.#config.delayed.name}.${job.name}`)) ?? 0,
      stranded: await strandedIn(jsm, job.queue.stream),
      oldestMs: queue === null ? null : await this.#oldestMs(jsm, job, queue),
      latency: latencyOf(workers),
      dead: await this.#dead(job),
    }));
  }

  /** In a work queue everything that is there is unsettled; elsewhere only what is past the consumer's ack floor. */
  async #oldestMs(
    jsm: Management,
    { queue, isWorkQueue }: ChosenJob,
    { ackFloor }: QueueState,
  ): Promise<number | null> {
    const { stream, filter: subject } = queue;
    const oldest = await nextMessage(jsm, { stream, subject, fromSequence: isWorkQueue ? 1 : ackFloor + 1 });
    return oldest === null ? null : Math.max(0, this.#wallNow() - oldest.storedAt.getTime());
  }

  async #dead({ name }: ChosenJob): Promise<number | null> {
    const stream = this.#config.deadLetters.name;
    const connection = keptConnection(this.#config, "deadLetters");
    if (connection === null) return null;
    return this.#on(connection, (jsm) => countMessages(jsm, stream, `${stream}.${name}`));
  }

  async #on<T>(name: string, ask: (jsm: Management) => Promise<T>): Promise<T> {
    const { jsm } = await this.#connections.get(name);
    try {
      return await ask(jsm);
    } catch (error) {
      throw aboutConnection(name, error);
    }
  }
}

function pausedState(flag: Pause | null, queue: QueueState | null): PausedState | null {
  const onServer = queue !== null && queue.pausedUntil !== null;
  return flag === null && !onServer ? null : { flag, onServer };
}

/** A consumer that was made anew meanwhile counts from zero. */
function speed(before: QueueState | null, now: QueueState | null, seconds: number): number {
  if (before === null || now === null) return 0;
  return Math.max(0, now.endedDeliveries - before.endedDeliveries) / seconds;
}

function latencyOf(workers: readonly PublishedReport[]): JobStatus["latency"] {
  const merged = mergeBuckets(workers.map(({ recent }) => recent.latency));
  const p50 = quantile(merged, 0.5);
  const p99 = quantile(merged, 0.99);
  return p50 === null || p99 === null ? null : { p50Ms: p50 * MS_PER_SECOND, p99Ms: p99 * MS_PER_SECOND };
}
