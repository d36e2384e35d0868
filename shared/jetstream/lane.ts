import type { NatsConnection } from "nats";
import { Fifo } from "./fifo.ts";
import type { PubAckResult, PublishFailure } from "./puback.ts";
import { publishConfirmed } from "./publish-once.ts";
import { ReplyInbox } from "./replies.ts";

/** What becomes of a message that can come again: true when it is stored and may go, false when it has to. Call it once. */
export type Settle = (kept: boolean) => void;

export interface LaneMessage {
  readonly subject: string;
  /** Becomes `Nats-Msg-Id`. */
  readonly id: string;
  /** Messages of one key are stored in the order in which they were offered, retries included. */
  readonly key: string;
  /** What sent it, for the observer: the lane makes nothing of it. */
  readonly origin: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Uint8Array;
  /** Monotonic milliseconds of the message's arrival: latency and age are counted from here. */
  readonly arrivedAt: number;
  /**
   * To be called by the observer, when nothing more will happen to the message. Null where nobody can send it again. What can
   * come again is bounded by whoever sends it and waits for as long as it takes: neither the size nor the age of the buffer
   * sheds it, and it takes neither room nor turn of what cannot.
   */
  readonly settled: Settle | null;
}

/** Why a message that was accepted will not be stored in this stream; `returned`: not now, it comes again. */
export type ShedReason = "buffer_full" | "buffer_expired" | "too_large_to_store" | "shutdown" | "returned";

export interface LaneObserver {
  stored(message: LaneMessage, ack: { readonly duplicate: boolean; readonly maybeDuplicate: boolean }): void;
  shed(message: LaneMessage, reason: ShedReason): void;
  retried(failure: PublishFailure, detail: string): void;
}

export interface LaneSettings {
  readonly stream: string;
  /** Publishes awaiting their PubAck. */
  readonly inFlight: number;
  readonly maxMessages: number;
  readonly maxBytes: number;
  readonly maxAgeMs: number;
  /** The stream's duplicate window: a retry later than this may be stored twice. */
  readonly duplicateWindowMs: number;
  readonly ackTimeoutMs: number;
}

/** Effects a lane needs: a monotonic clock in milliseconds and a random number in [0, 1). */
export interface LaneClock {
  readonly now: () => number;
  readonly random: () => number;
}

interface Entry {
  readonly message: LaneMessage;
  firstPublishedAt: number;
  /** An earlier publish got no answer, so it may have been stored: "duplicate" then means our own first copy. */
  outcomeUnknown: boolean;
}

const NEVER = -1;
const BACKOFF_MIN_MS = 100;
const BACKOFF_MAX_MS = 5_000;
const TICK_MS = 250;
/** Headers and bookkeeping of one buffered message, bytes; measured about 0.9 kB with nine headers. */
const ENTRY_OVERHEAD_BYTES = 1_024;

/**
 * The way into one stream: a bounded buffer, a window of pipelined publishes and their PubAcks, and retries. Lanes share
 * nothing but the connection, so a stream that is full or away neither delays nor sheds for another.
 *
 * States: open (window full size) -> a failure -> suspended (nothing is sent until `#resumeAt`) -> probing (window of one)
 * -> a PubAck -> open. A disconnect suspends without a time limit.
 */
export class Lane {
  readonly connection: NatsConnection;
  readonly settings: LaneSettings;
  readonly #observer: LaneObserver;
  readonly #clock: LaneClock;
  readonly replies: ReplyInbox;
  readonly #ticker: NodeJS.Timeout;
  /** A key that is ready, in flight or being retried -> the messages that wait behind it. */
  readonly #keys = new Map<string, Entry[]>();
  readonly #ready = new Fifo<Entry>();
  /** Ready too, but theirs is the time that is left: they can come again. */
  readonly #patient = new Fifo<Entry>();
  readonly #retries = new Fifo<Entry>();
  #inFlight = 0;
  #messages = 0;
  #bytes = 0;
  /** Of those, what cannot come again. */
  #urgentMessages = 0;
  #urgentBytes = 0;
  #failures = 0;
  /** Monotonic milliseconds of the first failure since something was stored. */
  #failingSince: number | null = null;
  #resumeAt = 0;
  #probing = false;
  #connected = true;
  #closed = false;
  #onEmpty: (() => void) | null = null;

  constructor(connection: NatsConnection, settings: LaneSettings, observer: LaneObserver, clock: LaneClock) {
    this.connection = connection;
    this.settings = settings;
    this.#observer = observer;
    this.#clock = clock;
    this.replies = new ReplyInbox(connection, settings.ackTimeoutMs, clock.now);
    this.#ticker = setInterval(() => this.#tick(), TICK_MS);
    this.#ticker.unref();
  }

  /** Messages accepted and not yet stored, in flight included. */
  get messages(): number {
    return this.#messages;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** True when whatever can wait elsewhere should. */
  get isFull(): boolean {
    return this.#closed || this.#messages >= this.settings.maxMessages || this.#bytes >= this.settings.maxBytes;
  }

  /** True while publishes fail or the connection is down. */
  get suspended(): boolean {
    return !this.#connected || this.#resumeAt > 0;
  }

  /** For how long nothing could be stored, milliseconds; 0 while all is well. */
  get failingForMs(): number {
    return this.#failingSince === null ? 0 : this.#clock.now() - this.#failingSince;
  }

  /** Takes a message, or sheds it (counted through the observer) when the buffer is full. Never blocks. */
  offer(message: LaneMessage): void {
    const refusal = this.#refusal(message);
    if (refusal !== null) {
      this.#observer.shed(message, refusal);
      return;
    }
    this.#count(message, 1);
    const entry: Entry = { message, firstPublishedAt: NEVER, outcomeUnknown: false };
    const behind = this.#keys.get(message.key);
    if (behind !== undefined) {
      behind.push(entry);
      return;
    }
    this.#keys.set(message.key, []);
    this.#queueOf(entry).push(entry);
    this.#pump();
  }

  /** The connection is gone: what was in flight is sent again after `reconnected`. */
  disconnected(): void {
    this.#connected = false;
    this.#failingSince ??= this.#clock.now();
    this.replies.abandon();
  }

  reconnected(): void {
    this.#connected = true;
    this.#resumeAt = 0;
    if (this.#messages === 0) this.#failingSince = null; // there is nothing that could show it
    this.#pump();
  }

  /**
   * Resolves once the buffer is empty or `deadlineMs` have passed, with how many messages are lost by it, which are shed as
   * `shutdown`; those that come again are shed as `returned`.
   */
  async close(deadlineMs: number): Promise<number> {
    this.#closed = true;
    if (this.#messages > 0) await this.#empty(deadlineMs);
    clearInterval(this.#ticker);
    this.#connected = false; // nothing may be published by the replies that are given up next
    this.replies.close();
    return this.#shedAll();
  }

  #refusal({ settled, body }: LaneMessage): ShedReason | null {
    if (this.#closed) return endOf(settled);
    if (settled !== null) return null;
    const { maxMessages, maxBytes } = this.settings;
    const full = this.#urgentMessages >= maxMessages || this.#urgentBytes + sizeOf(body) > maxBytes;
    return full ? "buffer_full" : null;
  }

  /** Where an entry stands that may be published. */
  #queueOf({ message }: Entry): Fifo<Entry> {
    return message.settled === null ? this.#ready : this.#patient;
  }

  async #empty(deadlineMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, deadlineMs);
      this.#onEmpty = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#onEmpty = null;
  }

  #pump(): void {
    while (!this.suspended && this.#inFlight < (this.#probing ? 1 : this.settings.inFlight)) {
      const entry = this.#retries.shift() ?? this.#ready.shift() ?? this.#patient.shift();
      if (entry === undefined) return;
      this.#publish(entry);
    }
  }

  #publish(entry: Entry): void {
    const { message } = entry;
    if (entry.firstPublishedAt === NEVER) entry.firstPublishedAt = this.#clock.now();
    this.#inFlight += 1;
    const { stream } = this.settings;
    publishConfirmed(this, { ...message, stream }, (result) => this.#answered(entry, result));
  }

  #answered(entry: Entry, result: PubAckResult): void {
    this.#inFlight -= 1;
    if (result.stored) this.#stored(entry, result.duplicate);
    else if (result.failure === "too_large") this.#shed(entry, "too_large_to_store");
    else this.#failed(entry, result.failure, result.detail);
    this.#pump();
  }

  #stored(entry: Entry, duplicate: boolean): void {
    this.#failures = 0;
    this.#failingSince = null;
    this.#probing = false;
    // Inside the window the server recognises our own first copy; later nobody can tell.
    const late = this.#clock.now() - entry.firstPublishedAt > this.settings.duplicateWindowMs;
    this.#release(entry);
    this.#observer.stored(entry.message, {
      duplicate: duplicate && !entry.outcomeUnknown,
      maybeDuplicate: entry.outcomeUnknown && late && !duplicate,
    });
  }

  #failed(entry: Entry, failure: PublishFailure, detail: string): void {
    if (failure === "timeout") entry.outcomeUnknown = true;
    // One message that is refused for a reason of its own must not be the only one that is ever tried.
    (failure === "refused" ? this.#queueOf(entry) : this.#retries).push(entry);
    if (!this.#connected) return;
    this.#failingSince ??= this.#clock.now();
    this.#observer.retried(failure, detail);
    if (this.#resumeAt > 0) return; // the window's other publishes fail for the same reason: one step of backoff for all
    const ceiling = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** this.#failures);
    this.#failures = Math.min(this.#failures + 1, 16);
    this.#probing = true;
    this.#resumeAt = this.#clock.now() + ceiling * (0.5 + this.#clock.random() / 2);
    setTimeout(() => this.#tick(), ceiling).unref();
  }

  /** Takes the entry out of the buffer and lets the next of its key go. */
  #release(entry: Entry): void {
    const { key } = entry.message;
    const next = this.#keys.get(key)?.shift();
    if (next === undefined) this.#keys.delete(key);
    else this.#queueOf(next).push(next);
    this.#discount(entry.message);
  }

  /** `by`: 1 for one more, -1 for one less. */
  #count({ body, settled }: LaneMessage, by: 1 | -1): void {
    const bytes = by * sizeOf(body);
    this.#messages += by;
    this.#bytes += bytes;
    if (settled !== null) return;
    this.#urgentMessages += by;
    this.#urgentBytes += bytes;
  }

  #discount(message: LaneMessage): void {
    this.#count(message, -1);
    if (this.#messages > 0) return;
    this.#failingSince = null; // there is nothing left that could show that it has ended
    this.#onEmpty?.();
  }

  /** Takes out the next of its key, as many in a row as are wanted. */
  #takeBehind(entry: Entry, isWanted: (entry: Entry) => boolean): readonly Entry[] {
    const behind = this.#keys.get(entry.message.key) ?? [];
    const first = behind.findIndex((each) => !isWanted(each));
    return behind.splice(0, first === -1 ? behind.length : first);
  }

  #shed(entry: Entry, reason: ShedReason): void {
    this.#release(entry);
    this.#observer.shed(entry.message, reason);
  }

  /** How many of them nobody will send again. */
  #shedAll(): number {
    let lost = 0;
    for (const queue of [this.#retries, this.#ready, this.#patient]) {
      for (let entry = queue.shift(); entry !== undefined; entry = queue.shift()) {
        if (entry.message.settled === null) lost += 1;
        this.#shed(entry, endOf(entry.message.settled));
      }
    }
    return lost;
  }

  #tick(): void {
    const now = this.#clock.now();
    for (const queue of [this.#retries, this.#ready]) this.#shedExpired(queue, now);
    if (this.#resumeAt > 0 && this.#resumeAt <= now) this.#resumeAt = 0;
    this.#pump();
  }

  #shedExpired(queue: Fifo<Entry>, now: number): void {
    const isOld = ({ message }: Entry) => now - message.arrivedAt > this.settings.maxAgeMs;
    const oldest = queue.peek();
    if (oldest === undefined || !isOld(oldest)) return;
    // Not only from the head: an old one that can come again stays, and must not hide others behind it.
    const isExpired = (entry: Entry) => entry.message.settled === null && isOld(entry);
    for (const entry of queue.take(isExpired)) {
      const behind = this.#takeBehind(entry, isExpired);
      this.#shed(entry, "buffer_expired");
      for (const { message } of behind) {
        this.#discount(message);
        this.#observer.shed(message, "buffer_expired");
      }
    }
  }
}

function sizeOf(body: Uint8Array): number {
  return body.length + ENTRY_OVERHEAD_BYTES;
}

function endOf(settled: LaneMessage["settled"]): ShedReason {
  return settled === null ? "shutdown" : "returned";
}
