import type { Msg, NatsConnection } from "nats";
import { inboxWildcard } from "./inbox.ts";
import { StandingSubscription } from "./standing.ts";

/** Called once per expected reply: with the reply, or with null when none came in time or the inbox closed. */
export type OnReply = (reply: Msg | null) => void;

const SWEEP_EVERY_MS = 250;
const FIRST_SLOTS = 1_024;

/**
 * One subscription that receives the replies of many pipelined requests (PubAcks, ack confirmations). The library's own
 * request costs about ten times as much CPU, and `publish` with a plain reply subject leaves the matching to us: a token
 * at the end of the reply subject names the request.
 *
 * What is awaited stands in a ring, by number. A Map that is added to and deleted from without end leaves a chain of
 * outgrown tables behind, each holding on to answered requests and their messages: measured, a third of the CPU time
 * went into collecting them. For the same reason the times stand in a ring of plain numbers beside it: whatever lives until
 * the reply comes is copied by the collector.
 */
export class ReplyInbox {
  readonly #connection: NatsConnection;
  readonly #prefix: string;
  readonly #subscription: StandingSubscription;
  #ring: (OnReply | null)[] = new Array<OnReply | null>(FIRST_SLOTS).fill(null);
  #dueAt = new Float64Array(FIRST_SLOTS);
  /** No request with a smaller number is awaited. */
  #oldest = 0;
  readonly #timeoutMs: number;
  readonly #now: () => number;
  readonly #sweeper: NodeJS.Timeout;
  #next = 0;
  #awaited = 0;
  /** It was refused, and the server has not shown since that it is no longer. */
  #isDeaf = false;
  #isAsking = false;

  /** `now` is a monotonic clock in milliseconds; one timeout for all keeps the pending map in order of expiry. */
  constructor(connection: NatsConnection, timeoutMs: number, now: () => number) {
    this.#connection = connection;
    this.#timeoutMs = timeoutMs;
    this.#now = now;
    const subject = inboxWildcard(connection);
    this.#prefix = subject.slice(0, -1);
    this.#subscription = new StandingSubscription(connection, { subject }, (message) => this.#deliver(message));
    this.#sweeper = setInterval(() => this.#sweep(), SWEEP_EVERY_MS);
    this.#sweeper.unref();
  }

  /** The reply subject to send with the request that `onReply` waits for. */
  expect(onReply: OnReply): string {
    if (this.#next - this.#oldest === this.#ring.length) this.#makeRoom();
    const number = this.#next;
    const slot = this.#slot(number);
    this.#ring[slot] = onReply;
    this.#dueAt[slot] = this.#now() + this.#timeoutMs;
    this.#next += 1;
    this.#awaited += 1;
    return this.#prefix + number.toString(36);
  }

  /** Takes an expectation back without calling it: the request was never sent. */
  forget(replySubject: string): void {
    this.#take(Number.parseInt(replySubject.slice(this.#prefix.length), 36));
  }

  /** The server refuses it: no reply would come. What is asked for again counts as refused until the server has taken it. */
  get isDenied(): boolean {
    this.#isDeaf ||= this.#subscription.isDenied;
    return this.#isDeaf;
  }

  /** Replies still awaited. */
  get pending(): number {
    return this.#awaited;
  }

  /** Gives every awaited reply up at once: after a disconnect none of them will come. */
  abandon(): void {
    const end = this.#next; // what is asked for meanwhile is not given up
    for (let number = this.#oldest; number < end; number++) this.#take(number)?.(null);
  }

  close(): void {
    clearInterval(this.#sweeper);
    this.#subscription.close();
    this.abandon();
  }

  #deliver(message: Msg): void {
    // Null when it came too late: it was given up, and whoever waited has been told.
    this.#take(Number.parseInt(message.subject.slice(this.#prefix.length), 36))?.(message);
  }

  #sweep(): void {
    if (this.isDenied && !this.#subscription.isDenied) void this.#listenAgain();
    const now = this.#now();
    for (; this.#oldest < this.#next; this.#oldest++) {
      const slot = this.#slot(this.#oldest);
      if (this.#ring[slot] !== null && (this.#dueAt[slot] ?? 0) > now) return;
      this.#take(this.#oldest)?.(null);
    }
  }

  async #listenAgain(): Promise<void> {
    if (this.#isAsking) return;
    this.#isAsking = true;
    try {
      await this.#connection.flush(); // a refusal arrives before the answer to this
      this.#isDeaf = this.#subscription.isDenied;
    } catch {
      // the connection was lost: asked at the next sweep
    } finally {
      this.#isAsking = false;
    }
  }

  #slot(number: number): number {
    return number % this.#ring.length;
  }

  #take(number: number): OnReply | null {
    if (!(number >= this.#oldest && number < this.#next)) return null;
    const slot = this.#slot(number);
    const pending = this.#ring[slot] ?? null;
    if (pending === null) return null;
    this.#ring[slot] = null;
    this.#awaited -= 1;
    return pending;
  }

  /** Forgets what was answered at the old end; if nothing was, doubles the ring. */
  #makeRoom(): void {
    while (this.#oldest < this.#next && this.#ring[this.#slot(this.#oldest)] === null) this.#oldest += 1;
    if (this.#next - this.#oldest < this.#ring.length) return;
    const [ring, dueAt] = [this.#ring, this.#dueAt];
    this.#ring = new Array<OnReply | null>(ring.length * 2).fill(null);
    this.#dueAt = new Float64Array(ring.length * 2);
    for (let number = this.#oldest; number < this.#next; number++) {
      this.#ring[this.#slot(number)] = ring[number % ring.length] ?? null;
      this.#dueAt[this.#slot(number)] = dueAt[number % ring.length] ?? 0;
    }
  }
}
