import { setTimeout as pause } from "node:timers/promises";
import * as z from "zod";
import type { Bucket, BucketEntry } from "../../shared/jetstream/buckets.ts";
import type { Delivery } from "../../shared/jetstream/delivery.ts";
import { FirstAttempt, spentBefore } from "./attempt.ts";
import type { RunAttempt } from "./run-attempt.ts";

/** What the bucket holds of a message that failed, or was delivered more than once. */
const recordSchema = z.strictObject({
  /** Runs begun, the one under way included. */
  runs: z.number().int().nonnegative(),
  /** Runs whose end nobody reported: their process died, or lost the message. */
  crashes: z.number().int().nonnegative(),
  running: z.boolean(),
  firstRunAt: z.string().refine((text) => !Number.isNaN(Date.parse(text))),
  /** It waits in its owner's hands until then, milliseconds since 1970; for messages that keep their order. */
  notBeforeMs: z.number().nonnegative().default(0),
  /** Tells this writing from every other: one whose answer was lost is recognised by it. */
  by: z.string(),
});
type RunRecord = z.output<typeof recordSchema>;
type Spent = Omit<RunRecord, "by" | "running" | "notBeforeMs">;

/** Limits from the job's retry policy. */
export interface RunLimits {
  readonly attempts: number;
  readonly crashes: number;
}

export type Begun =
  | { readonly type: "run"; readonly mark: RunMark; readonly hasCrashed: boolean }
  /** Nothing is left to try. `hasCrashed`: the last of its runs never told how it ended. */
  | { readonly type: "spent"; readonly mark: RunMark; readonly hasCrashed: boolean }
  /** Somebody else has begun on it meanwhile: it is theirs. */
  | { readonly type: "taken" };

/** Its next run is not due yet: an owner before this one held it. */
export interface Early {
  readonly type: "early";
  readonly waitMs: number;
}

export interface RunRecordsSettings {
  readonly job: string;
  /** Names this process among all of them. */
  readonly worker: string;
  readonly limits: RunLimits;
  /** Milliseconds since 1970. */
  readonly wallNow: () => number;
}

const TRY_AGAIN_MS = 250;

/**
 * Counts the runs of messages, not their deliveries: a message that was only fetched, frozen or given back has spent none. A
 * first delivery costs nothing here; it is noted when it fails. From the second delivery on a mark is written before each run,
 * so that crashes leave one run uncounted at most, that of the first delivery.
 */
export class RunRecords {
  readonly #bucket: Bucket;
  readonly #settings: RunRecordsSettings;
  #written = 0;

  constructor(bucket: Bucket, settings: RunRecordsSettings) {
    this.#bucket = bucket;
    this.#settings = settings;
  }

  /** For a first delivery: nothing is read or written. */
  first(delivery: Delivery): RunMark {
    return new RunMark(this, { delivery, attempt: new FirstAttempt(delivery), revision: 0 });
  }

  /** For a later one. While the bucket does not answer it waits, until `isGivenUp`; then it rejects. */
  async again(delivery: Delivery, isGivenUp: () => boolean): Promise<Begun> {
    return this.#begin(delivery, await this.#read(delivery, isGivenUp), isGivenUp);
  }

  /** As `again`, but says so when the message was to wait longer. */
  async againInTime(delivery: Delivery, isGivenUp: () => boolean): Promise<Begun | Early> {
    const entry = await this.#read(delivery, isGivenUp);
    const notBeforeMs = entry === null ? 0 : (readRecord(entry.text)?.notBeforeMs ?? 0);
    const waitMs = notBeforeMs - this.#settings.wallNow();
    return waitMs > 0 ? { type: "early", waitMs } : this.#begin(delivery, entry, isGivenUp);
  }

  #read(delivery: Delivery, isGivenUp: () => boolean): Promise<BucketEntry | null> {
    return patiently(() => this.#bucket.get(this.#keyOf(delivery)), isGivenUp);
  }

  async #begin(delivery: Delivery, entry: BucketEntry | null, isGivenUp: () => boolean): Promise<Begun> {
    const known = entry === null ? null : readRecord(entry.text);
    const before = known ?? spentBefore(delivery);
    const hasCrashed = known?.running === true;
    const spent = {
      runs: before.runs,
      crashes: before.crashes + (hasCrashed ? 1 : 0),
      firstRunAt: before.firstRunAt === "" ? this.#now() : before.firstRunAt,
    };
    const revision = entry?.revision ?? 0;
    const { attempts, crashes } = this.#settings.limits;
    if (spent.runs >= attempts || (hasCrashed && spent.crashes >= crashes)) {
      const mark = new RunMark(this, { delivery, attempt: attemptOf(spent), revision });
      return { type: "spent", mark, hasCrashed };
    }
    const begun = { ...spent, runs: spent.runs + 1 };
    const written = await this.write(delivery, { ...begun, running: true, notBeforeMs: 0 }, { revision, isGivenUp });
    if (written === null) return { type: "taken" };
    return {
      type: "run",
      mark: new RunMark(this, { delivery, attempt: attemptOf(begun), revision: written }),
      hasCrashed,
    };
  }

  /** The new revision; null when somebody else wrote in between. Waits and rejects as `again`. */
  async write(
    delivery: Delivery,
    record: Omit<RunRecord, "by">,
    { revision, isGivenUp }: { readonly revision: number; readonly isGivenUp: () => boolean },
  ): Promise<number | null> {
    const key = this.#keyOf(delivery);
    this.#written += 1;
    const by = `${this.#settings.worker}.${this.#written}`;
    const text = JSON.stringify({ ...record, by });
    return patiently(async () => {
      const written = await this.#bucket.swapAnew(key, text, revision);
      if (written !== null) return written;
      const there = await this.#bucket.get(key); // perhaps an earlier try of ours, whose answer was lost
      return there !== null && readRecord(there.text)?.by === by ? there.revision : null;
    }, isGivenUp);
  }

  forget(delivery: Delivery, revision: number): Promise<void> {
    return this.#bucket.remove(this.#keyOf(delivery), revision);
  }

  /** What to write when a run has ended and its message goes back. */
  ended({ number, crashes, firstRunAt }: RunAttempt, { isCounted, waitMs }: RunLeft): Omit<RunRecord, "by"> {
    const runs = isCounted ? number : number - 1;
    const notBeforeMs = waitMs > 0 ? Math.round(this.#settings.wallNow() + waitMs) : 0;
    return { runs, crashes, running: false, firstRunAt: firstRunAt?.toISOString() ?? this.#now(), notBeforeMs };
  }

  #now(): string {
    return new Date(this.#settings.wallNow()).toISOString();
  }

  #keyOf(delivery: Delivery): string {
    return runKey(this.#settings.job, delivery);
  }
}

interface RunLeft {
  readonly isCounted: boolean;
  /** How long the message waits in its owner's hands; 0: it goes back, and the server does the waiting. */
  readonly waitMs: number;
}

interface MarkState {
  readonly delivery: Delivery;
  readonly attempt: RunAttempt;
  /** Of the record in the bucket; 0: there is none. */
  readonly revision: number;
}

/** One run of a message as far as counting goes. */
export class RunMark {
  readonly attempt: RunAttempt;
  readonly #records: RunRecords;
  readonly #delivery: Delivery;
  #revision: number;

  constructor(records: RunRecords, { delivery, attempt, revision }: MarkState) {
    this.attempt = attempt;
    this.#records = records;
    this.#delivery = delivery;
    this.#revision = revision;
  }

  /**
   * The run is over and its message goes back. Written before it is handed back, or the next worker would not know. False
   * when somebody else has the message already; rejects when the bucket did not answer until `isGivenUp`.
   */
  async leave(isCounted: boolean, isGivenUp: () => boolean, waitMs = 0): Promise<boolean> {
    if (!isCounted && waitMs === 0 && this.#revision === 0) return true;
    const record = this.#records.ended(this.attempt, { isCounted, waitMs });
    const written = await this.#records.write(this.#delivery, record, { revision: this.#revision, isGivenUp });
    if (written === null) return false;
    this.#revision = written;
    return true;
  }

  /** False: there is nothing to forget. */
  get isNoted(): boolean {
    return this.#revision > 0;
  }

  /** The message is settled: what was noted of it goes. What cannot be removed now is removed by its age. */
  forget(): void {
    if (this.isNoted) this.#records.forget(this.#delivery, this.#revision).catch(() => {});
  }
}

function attemptOf({ runs, crashes, firstRunAt }: Spent): RunAttempt {
  return { number: runs, crashes, firstRunAt: new Date(firstRunAt), redelivered: true };
}

/** Where the runs of a message are kept. With the time: a stream that is made anew counts from 1 again. */
export function runKey(job: string, message: Pick<Delivery, "streamSequence" | "timestampMs">): string {
  return `${job}.${message.streamSequence}.${message.timestampMs}`;
}

/** Null for what is no record of ours: as good as none. */
export function readRecord(text: string): RunRecord | null {
  try {
    return recordSchema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

/** Tries until it succeeds; gives up with the last error. */
async function patiently<T>(call: () => Promise<T>, isGivenUp: () => boolean): Promise<T> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (isGivenUp()) throw error;
    }
    await pause(TRY_AGAIN_MS);
  }
}
