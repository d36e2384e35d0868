import { createHash } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import { SinkRefusedError, SinkUnavailableError } from "../jobs/errors.ts";
import type { OutboundMessage, Receipt, Sink } from "./sink.ts";
import { unlessAborted } from "./unless-aborted.ts";

/** The key-value bucket of one guarded sink. The age of its entries is the guard's window. */
export interface OnceMarks {
  get(key: string): Promise<Mark | null>;
  put(key: string, text: string): Promise<number>;
  /** `revision` 0: the key must not exist. Null when what is there is not that revision. */
  swap(key: string, text: string, revision: number): Promise<number | null>;
  remove(key: string, revision: number): Promise<void>;
}

export interface Mark {
  readonly text: string;
  readonly revision: number;
  /** Milliseconds since 1970, by the server's clock. */
  readonly storedAtMs: number;
}

export interface OnceClock {
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Milliseconds since 1970, by the server's clock. */
  readonly serverNow: () => number;
}

/** What stands in a mark. */
const WRITING = "writing";
/** The write ended without an answer: it may be stored. */
const UNKNOWN = "unknown";
const DONE = "done";

/** A write ends within the 5 s that an answer may take; whoever says nothing for twice as long has died or stands still. */
const ABANDONED_AFTER_MS = 10_000;
const LOOK_EVERY_MS = 250;

/**
 * Gives a sink without deduplication a memory of the ids that were written: a write whose id is marked as done resolves as
 * a duplicate and writes nothing. Before a write its id is marked, so no two writes of an id overlap, whichever processes
 * they are in; a second one waits for the first.
 *
 * What it cannot know is whether a write without an answer was stored: its process died, or the target did not confirm.
 * Such an id is written again, and said to be `maybeDuplicate`. So, within the window: never missing, and twice only when
 * a write ended without an answer. Without an answer from the bucket nothing is written.
 */
export function onceGuard(sink: Sink, marks: OnceMarks, clock: OnceClock): Sink {
  return new GuardedSink(sink, marks, clock);
}

/** The right to write an id. */
interface Claim {
  readonly key: string;
  readonly revision: number;
  /** An earlier write may be stored. */
  readonly isAgain: boolean;
}

class GuardedSink implements Sink {
  readonly name: string;
  readonly #sink: Sink;
  readonly #marks: OnceMarks;
  readonly #clock: OnceClock;
  /** Writes of this process, by id: those behind them need not ask the bucket. */
  readonly #writing = new Map<string, Promise<Receipt>>();
  #disposed = false;

  constructor(sink: Sink, marks: OnceMarks, clock: OnceClock) {
    this.name = sink.name;
    this.#sink = sink;
    this.#marks = marks;
    this.#clock = clock;
  }

  async write(message: OutboundMessage, signal: AbortSignal): Promise<Receipt> {
    signal.throwIfAborted();
    return unlessAborted(this.#inTurn(message, signal), signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    await this.#sink[Symbol.asyncDispose]();
  }

  async #inTurn(message: OutboundMessage, signal: AbortSignal): Promise<Receipt> {
    for (let before = this.#writing.get(message.id); before !== undefined; before = this.#writing.get(message.id)) {
      const isStored = await before.then(
        () => true,
        () => false,
      );
      if (isStored) return { duplicate: true };
    }
    const writing = this.#writeOnce(message, signal).finally(() => this.#writing.delete(message.id));
    this.#writing.set(message.id, writing);
    return writing;
  }

  async #writeOnce(message: OutboundMessage, signal: AbortSignal): Promise<Receipt> {
    if (this.#disposed) throw this.#unavailable(new Error("the sink has been disposed of"));
    const claim = await this.#claim(createHash("sha256").update(message.id).digest("hex"), signal);
    if (claim === null) return { duplicate: true };
    const receipt = await this.#writeClaimed(claim, message, signal);
    // Should this fail, the write is confirmed all the same; only its repetition would not be recognised for sure.
    await this.#marks.put(claim.key, DONE).catch(() => {});
    return claim.isAgain && !receipt.duplicate ? { duplicate: false, maybeDuplicate: true } : receipt;
  }

  /** Null: the id is written already. */
  async #claim(key: string, signal: AbortSignal): Promise<Claim | null> {
    const watch = new Watch(this.#clock);
    for (;;) {
      signal.throwIfAborted();
      const created = await this.#ask(this.#marks.swap(key, WRITING, 0));
      if (created !== null) return { key, revision: created, isAgain: false };
      const found = await this.#ask(this.#marks.get(key));
      if (found?.text === DONE) return null;
      if (found !== null && (found.text === UNKNOWN || watch.isAbandoned(found))) {
        const taken = await this.#ask(this.#marks.swap(key, WRITING, found.revision));
        if (taken !== null) return { key, revision: taken, isAgain: true };
      }
      await wait(LOOK_EVERY_MS, null, { signal });
    }
  }

  /** The target is given a signal that is never aborted: it goes on when the run has ended, so that its end is marked. */
  async #writeClaimed(claim: Claim, message: OutboundMessage, signal: AbortSignal): Promise<Receipt> {
    if (signal.aborted) {
      await this.#letGo(claim, true);
      throw signal.reason;
    }
    try {
      return await this.#sink.write(message, new AbortController().signal);
    } catch (error) {
      await this.#letGo(claim, error instanceof SinkRefusedError);
      throw error;
    }
  }

  /** If the bucket does not hear of it, the mark stands until it counts as abandoned. */
  async #letGo({ key, revision, isAgain }: Claim, isUnwritten: boolean): Promise<void> {
    const isClean = isUnwritten && !isAgain;
    const marked = isClean ? this.#marks.remove(key, revision) : this.#marks.swap(key, UNKNOWN, revision);
    await marked.catch(() => {});
  }

  async #ask<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      throw this.#unavailable(error);
    }
  }

  #unavailable(cause: unknown): SinkUnavailableError {
    return new SinkUnavailableError(this.name, { cause });
  }
}

/** Tells a writer that is at work from one that is gone; by the server's clock, or by waiting should that be stepped. */
class Watch {
  readonly #clock: OnceClock;
  #revision = 0;
  #since = 0;

  constructor(clock: OnceClock) {
    this.#clock = clock;
  }

  isAbandoned({ revision, storedAtMs }: Mark): boolean {
    const now = this.#clock.now();
    if (revision !== this.#revision) {
      this.#revision = revision;
      this.#since = now;
    }
    return Math.max(now - this.#since, this.#clock.serverNow() - storedAtMs) > ABANDONED_AFTER_MS;
  }
}
