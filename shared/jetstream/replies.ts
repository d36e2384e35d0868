import { createInbox, type Msg, type NatsConnection, type Subscription } from "nats";

/** Called once per expected reply: with the reply, or with null when none came in time or the inbox closed. */
export type OnReply = (reply: Msg | null) => void;

interface Pending {
  readonly onReply: OnReply;
  readonly dueAt: number;
}

const SWEEP_EVERY_MS = 250;

/**
 * One subscription that receives the replies of many pipelined requests (PubAcks, ack confirmations). The library's own
 * request costs about ten times as much CPU, and `publish` with a plain reply subject leaves the matching to us: a token
 * at the end of the reply subject names the request.
 */
export class ReplyInbox {
  readonly #prefix: string;
  readonly #subscription: Subscription;
  readonly #pending = new Map<string, Pending>();
  readonly #timeoutMs: number;
  readonly #now: () => number;
  readonly #sweeper: NodeJS.Timeout;
  #next = 0;

  /** `now` is a monotonic clock in milliseconds; one timeout for all keeps the pending map in order of expiry. */
  constructor(connection: NatsConnection, timeoutMs: number, now: () => number) {
    this.#timeoutMs = timeoutMs;
    this.#now = now;
    this.#prefix = `${createInbox()}.`;
    this.#subscription = connection.subscribe(`${this.#prefix}*`, {
      callback: (error, message) => {
        if (error === null) this.#deliver(message);
      },
    });
    this.#sweeper = setInterval(() => this.#sweep(), SWEEP_EVERY_MS);
    this.#sweeper.unref();
  }

  /** The reply subject to send with the request that `onReply` waits for. */
  expect(onReply: OnReply): string {
    this.#next += 1;
    const token = this.#next.toString(36);
    this.#pending.set(token, { onReply, dueAt: this.#now() + this.#timeoutMs });
    return this.#prefix + token;
  }

  /** Takes an expectation back without calling it: the request was never sent. */
  forget(replySubject: string): void {
    this.#pending.delete(replySubject.slice(this.#prefix.length));
  }

  /** Replies still awaited. */
  get pending(): number {
    return this.#pending.size;
  }

  /** Gives every awaited reply up at once: after a disconnect none of them will come. */
  abandon(): void {
    const waiting = [...this.#pending.values()];
    this.#pending.clear();
    for (const { onReply } of waiting) onReply(null);
  }

  close(): void {
    clearInterval(this.#sweeper);
    this.#subscription.unsubscribe();
    this.abandon();
  }

  #deliver(message: Msg): void {
    const token = message.subject.slice(this.#prefix.length);
    const pending = this.#pending.get(token);
    if (pending === undefined) return; // too late: it was given up, and whoever waited has been told
    this.#pending.delete(token);
    pending.onReply(message);
  }

  #sweep(): void {
    const now = this.#now();
    for (const [token, { onReply, dueAt }] of this.#pending) {
      if (dueAt > now) return;
      this.#pending.delete(token);
      onReply(null);
    }
  }
}
