import type { NatsConnection } from "nats";
import type { PublishChannel } from "./publish-once.ts";
import { ReplyInbox } from "./replies.ts";

/** A connection and what many confirmed publishes at a time over it need. */
export interface Channel extends PublishChannel {
  readonly outbox: Outbox;
}

/** Something to send; `send` must not throw. */
interface Sendable {
  send(): void;
}

/**
 * Collects what is to be sent during one turn of the event loop. The client flushes its buffer at the next microtask, so
 * acks that come out of many small asynchronous runs would each be a write of their own: measured, half of the CPU time.
 */
export class Outbox {
  #waiting: Sendable[] = [];

  /** It is sent before the next turn of the event loop. */
  add(sendable: Sendable): void {
    this.#waiting.push(sendable);
    if (this.#waiting.length === 1) setImmediate(() => this.#flush());
  }

  #flush(): void {
    const sending = this.#waiting;
    this.#waiting = [];
    for (const sendable of sending) sendable.send();
  }
}

/** How long a PubAck or an ack's confirmation may take, for those who have no reason to choose. */
export const REPLY_TIMEOUT_MS = 5_000;

/** `timeoutMs`: how long a PubAck or a confirmation may take. `now` is a monotonic clock in milliseconds. */
export function makeChannel(connection: NatsConnection, timeoutMs: number, now: () => number): Channel {
  return { connection, replies: new ReplyInbox(connection, timeoutMs, now), outbox: new Outbox() };
}

export async function closeChannel({ connection, replies }: Channel): Promise<void> {
  if (!connection.isClosed()) replies.close();
  await connection.close();
}
