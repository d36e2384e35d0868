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
  /** What it counts for in the buffer. */
  readonly bytes: number;
  firstPublishedAt: number;
  /** An earlier publish got no answer, so it may have been stored: "duplicate" then means our own first copy. */
  outcomeUnknown: boolean;
  /** How many others had been stored when it last failed. */
  storesAtFailure: number;
  /** Failures that were this message's own, since others were stored meanwhile; from the first one on all of them are. */
  ownFailures: number;
  retryAt: number;
}

const NEVER = -1;
const BACKOFF_MIN_MS = 100;
const BACKOFF_MAX_MS = 5_000;
const TICK_MS = 250;
/** Bookkeeping of one buffered message and of each of its headers, bytes; measured about 0.9 kB with nine headers. */
const ENTRY_OVERHEAD_BYTES = 256;
const HEADER_OVERHEAD_BYTES = 80;

/**
 * The way into one stream: a bounded buffer, a window of pipelined publishes and their PubAcks, and retries. Lanes share
 * nothing but the connection, so a stream that is full or away neither delays nor sheds for another.
 *
 * States: open (window full size) -> a failure -> suspended (nothing is sent until `#resumeAt`) -> probing (a small window,
 * another queue's turn at each step) -> a PubAck -> open. Without a time limit suspend a disconnect, and a server that refuses
 * the inbox: whatever is published unheard is stored, and once more beyond the duplicate window.
 *
 * A message that fails again although others were stored meanwhile (its subject is full, or may not be published to) fails
 * for a reason of its own: it waits by itself, with its key behind it, and the lane goes on.
 */
export class Lane {
  readonly connection: NatsConnection;
  readonly settings: LaneSettings;
  readonly #observer: LaneObserver;
  readonly #clock: LaneClock;
  readonly replies: ReplyInbox;
  readonly #ticker: NodeJS.Timeout;
  /** By key, in order: the first is ready, in flight, being retried or held back, the others wait behind it. */
  readonly #lines = new Map<string, Entry[]>();
  readonly #ready = new Fifo<Entry>();
  /** Ready too, but theirs is the time that is left: they can come again. */
  readonly #patient = new Fifo<Entry>();
  readonly #retries = new Fifo<Entry>();
  /** Those that fail by themselves, until they are to be retried. */
  readonly #held = new Fifo<Entry>();
  #inFlight = 0;
  /** Of those, the ones that were held back before. */
  #heldInFlight = 0;
  #messages = 0;
  #bytes = 0;
  /** Of those, what cannot come again. */
  #urgentMessages = 0;
  #urgentBytes = 0;
  /** None of them arrived earlier. */
  #urgentSince = Number.POSITIVE_INFINITY;
  #stores = 0;
  /** Steps of backoff since something was stored; while there are any the lane probes. */
  #failures = 0;
  /** How many are tried at once while it probes: more at each step, since each may be refused for a reason of its own. */
  #probes = 1;
  /** Monotonic milliseconds of the first failure since something was stored. */
  #failingSince: number | null = null;
  #resumeAt = 0;
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

  /** True while publishes fail, the connection is down or the server lets it hear no PubAck. */
  get suspended(): boolean {
    return !this.#connected || this.#resumeAt > 0 || this.replies.isDenied;
  }

  /** For how long nothing could be stored, milliseconds; 0 while all is well. */
  get failingForMs(): number {
    return this.#failingSince === null ? 0 : this.#clock.now() - this.#failingSince;
  }

  /** Takes a message, or sheds it (counted through the observer) when the buffer is full. Never blocks. */
  offer(message: LaneMessage): void {
    const entry = makeEntry(message);
    const refusal = this.#refusal(entry);
    if (refusal !== null) {
      this.#observer.shed(message, refusal);
      return;
    }
    this.#count(entry, 1);
    if (message.settled === null) this.#urgentSince = Math.min(this.#urgentSince, message.arrivedAt);
    this.#lineUp(entry);
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

  #refusal({ message: { settled }, bytes }: Entry): ShedReason | null {
    if (this.#closed) return endOf(settled);
    if (settled !== null) return null;
    const { maxMessages, maxBytes } = this.settings;
    const full = this.#urgentMessages >= maxMessages || this.#urgentBytes + bytes > maxBytes;
    return full ? "buffer_full" : null;
  }

  #lineUp(entry: Entry): void {
    const { key } = entry.message;
    const line = this.#lines.get(key);
    if (line === undefined) {
      const alone = [entry];
      this.#lines.set(key, alone);
      this.#makeReady(entry, alone);
      this.#pump();
      return;
    }
    const isFirstUrgent = isUrgent(entry) && !line.some(isUrgent);
    line.push(entry);
    if (!isFirstUrgent) return;
    // It must not wait for the turn of what can come again.
    for (const first of this.#patient.take((each) => each === line[0])) this.#ready.push(first);
  }

  #makeReady(first: Entry, line: readonly Entry[]): void {
    const hurries = this.#urgentMessages > 0 && line.some(isUrgent);
    (hurries ? this.#ready : this.#patient).push(first);
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
    while (!this.suspended && this.#inFlight < this.#window) {
      const entry = this.#next();
      if (entry === undefined) return;
      this.#publish(entry);
    }
  }

  get #window(): number {
    const { inFlight } = this.settings;
    return this.#failures > 0 ? Math.min(this.#probes, inFlight) : inFlight;
  }

  /** Retries first; but a probe that failed says nothing about the others, and the next one is of another queue. */
  #next(): Entry | undefined {
    const [first, second, third] = [this.#retries, this.#ready, this.#patient];
    const turn = this.#failures % 3;
    if (turn === 0) return first.shift() ?? second.shift() ?? third.shift();
    if (turn === 1) return second.shift() ?? third.shift() ?? first.shift();
    return third.shift() ?? second.shift() ?? first.shift();
  }

  #publish(entry: Entry): void {
    const { message } = entry;
    if (entry.firstPublishedAt === NEVER) entry.firstPublishedAt = this.#clock.now();
    this.#inFlight += 1;
    if (entry.ownFailures > 0) this.#heldInFlight += 1;
    const { stream } = this.settings;
    publishConfirmed(this, { ...message, stream }, (result) => this.#answered(entry, result));
  }

  #answered(entry: Entry, result: PubAckResult): void {
    this.#inFlight -= 1;
    if (entry.ownFailures > 0) this.#heldInFlight -= 1;
    if (result.stored) this.#stored(entry, result.duplicate);
    else if (result.failure === "too_large") this.#shed(entry, "too_large_to_store");
    else this.#failed(entry, result.failure, result.detail);
    this.#pump();
  }

  #stored(entry: Entry, duplicate: boolean): void {
    this.#stores += 1;
    this.#failures = 0;
    this.#probes = 1;
    this.#failingSince = null;
    this.#resumeAt = 0;
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
    if (!this.#connected) {
      this.#retries.push(entry);
      return;
    }
    this.#observer.retried(failure, detail);
    const othersAreStored = entry.storesAtFailure !== NEVER && entry.storesAtFailure < this.#stores;
    entry.storesAtFailure = this.#stores;
    if (!othersAreStored) this.#failingSince ??= this.#clock.now();
    if (othersAreStored || entry.ownFailures > 0) this.#holdBack(entry);
    else this.#backOff(entry, failure);
  }

  #holdBack(entry: Entry): void {
    entry.retryAt = this.#clock.now() + this.#jittered(backoffMs(entry.ownFailures));
    entry.ownFailures += 1;
    this.#held.push(entry);
  }

  /** At most a part of the window: each may be without an answer for as long as a PubAck may take. */
  #retryHeld(now: number): void {
    const places = Math.ceil(this.settings.inFlight / 4) - this.#heldInFlight;
    const due = this.#held.take(({ retryAt }) => retryAt <= now);
    for (const [index, entry] of due.entries()) (index < places ? this.#retries : this.#held).push(entry);
  }

  #backOff(entry: Entry, failure: PublishFailure): void {
    this.#retries.push(entry);
    if (this.#resumeAt > 0) return; // the window's other publishes fail for the same reason: one step of backoff for all
    const ceiling = backoffMs(this.#failures);
    this.#failures += 1;
    // One of unknown outcome may be stored twice: no more of those than it takes.
    this.#probes = failure === "timeout" ? 1 : this.#probes * 2;
    this.#resumeAt = this.#clock.now() + this.#jittered(ceiling);
    setTimeout(() => this.#tick(), ceiling).unref();
  }

  #jittered(ceiling: number): number {
    return ceiling * (0.5 + this.#clock.random() / 2);
  }

  /** Takes the first of its line out of the buffer and lets the next one go. */
  #release(entry: Entry): void {
    const { key } = entry.message;
    const line = this.#lines.get(key) ?? [];
    line.shift();
    this.#discount(entry);
    const next = line[0];
    if (next === undefined) this.#lines.delete(key);
    else this.#makeReady(next, line);
  }

  /** `by`: 1 for one more, -1 for one less. */
  #count(entry: Entry, by: 1 | -1): void {
    this.#messages += by;
    this.#bytes += by * entry.bytes;
    if (!isUrgent(entry)) return;
    this.#urgentMessages += by;
    this.#urgentBytes += by * entry.bytes;
  }

  #discount(entry: Entry): void {
    this.#count(entry, -1);
    if (this.#messages > 0) return;
    this.#failingSince = null; // there is nothing left that could show that it has ended
    this.#onEmpty?.();
  }

  #shed(entry: Entry, reason: ShedReason): void {
    this.#release(entry);
    this.#observer.shed(entry.message, reason);
  }

  /** How many of them nobody will send again. */
  #shedAll(): number {
    let lost = 0;
    for (const queue of [this.#held, this.#retries, this.#ready, this.#patient]) {
      for (let entry = queue.shift(); entry !== undefined; entry = queue.shift()) {
        if (entry.message.settled === null) lost += 1;
        this.#shed(entry, endOf(entry.message.settled));
      }
    }
    return lost;
  }

  #tick(): void {
    const now = this.#clock.now();
    this.#shedExpired(now - this.settings.maxAgeMs);
    if (this.#resumeAt > 0 && this.#resumeAt <= now) this.#resumeAt = 0;
    if (!this.suspended) this.#retryHeld(now);
    if (this.#messages > 0 && this.replies.isDenied) this.#failingSince ??= now;
    this.#pump();
  }

  /** Wherever it stands, behind what can come again as well; only what is in flight has to be answered first. */
  #shedExpired(before: number): void {
    if (this.#urgentSince >= before) return;
    const isExpired = (entry: Entry) => isUrgent(entry) && entry.message.arrivedAt < before;
    const firsts = [this.#held, this.#retries, this.#ready].flatMap((queue) => queue.take(isExpired));
    const behind = [...this.#lines.values()].flatMap((line) => takeBehind(line, isExpired));
    for (const entry of firsts) this.#shed(entry, "buffer_expired");
    for (const entry of behind) {
      this.#discount(entry);
      this.#observer.shed(entry.message, "buffer_expired");
    }
    this.#urgentSince = this.#oldestUrgent();
  }

  #oldestUrgent(): number {
    let oldest = Number.POSITIVE_INFINITY;
    for (const line of this.#lines.values()) {
      for (const entry of line) if (isUrgent(entry)) oldest = Math.min(oldest, entry.message.arrivedAt);
    }
    return oldest;
  }
}

function makeEntry(message: LaneMessage): Entry {
  return {
    message,
    bytes: sizeOf(message),
    firstPublishedAt: NEVER,
    outcomeUnknown: false,
    storesAtFailure: NEVER,
    ownFailures: 0,
    retryAt: 0,
  };
}

/** Nobody can send it again. */
function isUrgent({ message }: Entry): boolean {
  return message.settled === null;
}

/** Takes out those behind the first of a line that are wanted; the others keep their order. */
function takeBehind(line: Entry[], isWanted: (entry: Entry) => boolean): readonly Entry[] {
  if (line.length === 1) return [];
  const behind = line.splice(1);
  line.push(...behind.filter((entry) => !isWanted(entry)));
  return behind.filter(isWanted);
}

function backoffMs(failures: number): number {
  return Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** failures);
}

/** Whoever sends may choose the headers as well: many short ones take more than a body does. */
function sizeOf({ body, headers }: LaneMessage): number {
  let bytes = ENTRY_OVERHEAD_BYTES + body.length;
  for (const [name, value] of headers) bytes += HEADER_OVERHEAD_BYTES + name.length + value.length;
  return bytes;
}

function endOf(settled: LaneMessage["settled"]): ShedReason {
  return settled === null ? "shutdown" : "returned";
}
