import { nextMessage } from "../../../shared/jetstream/browse.ts";
import type { Connection } from "../../../shared/jetstream/connect.ts";
import { countMessages, type JobQueue, type QueueState, queueState } from "../../../shared/jetstream/job-queue.ts";
import { type Manager, manage } from "../../../shared/jetstream/manager.ts";
import type { Reading } from "../scaling/scale.ts";
import { ageOf, type OldestMessage } from "./oldest.ts";

/** A job's queue and the clocks it is read by. */
export interface QueueSource {
  readonly connection: Connection;
  readonly queue: JobQueue;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Milliseconds since 1970. */
  readonly wallNow: () => number;
}

/** The oldest message is a second request, so it is asked for at most about once a second. */
const ASK_OLDEST_EVERY_MS = 900;

/** Reads one job's queue, and remembers between two looks what need not be asked again. */
export class QueueReader {
  readonly #source: QueueSource;
  #jsm: Manager | null = null;
  #oldest: OldestMessage | null = null;
  #oldestAskedAt = Number.NEGATIVE_INFINITY;
  #emptyAt: number | null = null;

  constructor(source: QueueSource) {
    this.#source = source;
  }

  /** Rejects when the server does not answer, or the stream is not there. */
  async read(): Promise<Reading> {
    const { connection, now } = this.#source;
    const jsm = this.#jsm ?? (await manage(connection));
    this.#jsm = jsm;
    const takenAt = now();
    const state = await this.#state(jsm);
    const { pending, inFlight, endedDeliveries, pausedUntil } = state;
    const oldestMs = await this.#oldestAge(jsm, state, takenAt);
    return { takenAt, pending, unsettled: inFlight, ended: endedDeliveries, oldestMs, paused: pausedUntil !== null };
  }

  /** The first drain of a job makes its consumer: until then all that is in the queue waits for it. */
  async #state(jsm: Manager): Promise<QueueState> {
    const { queue } = this.#source;
    const state = await queueState(jsm, queue);
    if (state === null) throw new Error(`stream ${queue.stream} does not exist`);
    if (state.consumers.length > 0 || queue.ordered) return state;
    return { ...state, pending: (await countMessages(jsm, queue.stream, queue.filter)) ?? 0 };
  }

  async #oldestAge(jsm: Manager, state: QueueState, takenAt: number): Promise<number | null> {
    const { queue, now, wallNow } = this.#source;
    if (state.pending === 0) {
      this.#emptyAt = takenAt;
      this.#oldest = null;
      return null;
    }
    // The partitions of an ordered job stand at different places: all that is in its queue counts as waiting.
    const fromSequence = queue.ordered ? 1 : state.delivered + 1;
    if (now() - this.#oldestAskedAt >= ASK_OLDEST_EVERY_MS) {
      this.#oldestAskedAt = now();
      const found = await nextMessage(jsm, { stream: queue.stream, subject: queue.filter, fromSequence });
      this.#oldest = found === null ? null : this.#seen(found.sequence, found.storedAt.getTime());
    }
    // Handed over since it was asked for: how old the next one is will be known in a moment.
    if (this.#oldest === null || this.#oldest.sequence < fromSequence) return null;
    return ageOf(this.#oldest, this.#emptyAt, { now: takenAt, wallNow: wallNow() });
  }

  #seen(sequence: number, storedAt: number): OldestMessage {
    const seenAt = this.#oldest?.sequence === sequence ? this.#oldest.seenAt : this.#source.now();
    return { sequence, storedAt, seenAt };
  }
}
