import type { Msg } from "nats";
import type { Channel } from "./channel.ts";

/** The words of the acknowledgement protocol. Bare `+TERM`: servers before 2.10.4 ignore one with a reason. */
export const ACK: Uint8Array = Buffer.from("+ACK");
export const TERM: Uint8Array = Buffer.from("+TERM");
/** Work in progress: the lease begins anew. */
export const PROGRESS: Uint8Array = Buffer.from("+WPI");

const NS_PER_MS = 1_000_000;
/** Status of "nobody listens on the ack subject": the consumer is gone, and with it the delivery. */
export const NO_RESPONDERS = 503;

/** The server reads a delay as nanoseconds of 64 bits: of a longer one it takes no notice and delivers at once, again and again. */
const MOST_DELAY_MS = 100 * 365 * 24 * 3_600_000;

/** Hands the message back, to be delivered again after `delayMs`, a century at most; 0 means at once. */
export function nak(delayMs: number): string {
  return delayMs > 0 ? `-NAK {"delay":${Math.round(Math.min(delayMs, MOST_DELAY_MS) * NS_PER_MS)}}` : "-NAK";
}

/** `lease_over`: nothing was sent, the message may be another worker's by now. `unconfirmed`: sent, never answered. */
export type Acknowledged = "confirmed" | "unconfirmed" | "lease_over";

export interface AckChannel extends Channel {
  readonly ackWaitMs: number;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

/** True once the server may have handed the message to someone else; `leaseFromMs` as in `Delivery`. */
export function leaseIsOver({ ackWaitMs, now }: AckChannel, leaseFromMs: number): boolean {
  return now() - leaseFromMs >= ackWaitMs;
}

export interface Acknowledgement {
  readonly subject: string;
  readonly verb: string | Uint8Array;
  /** Monotonic milliseconds: the lease is `ackWaitMs` from there. */
  readonly leaseFromMs: number;
  /** How often it is sent at most. */
  readonly most: number;
  readonly onEnd: (end: Acknowledged) => void;
}

/**
 * One acknowledgement on its way: sent, and again while the lease lasts and no confirmation comes (the server answers
 * again when the same message is acknowledged again). Thousands are under way at a time, so it holds on to nothing of the
 * message but the subject.
 */
export class PendingAck {
  readonly #channel: AckChannel;
  readonly #subject: string;
  readonly #verb: string | Uint8Array;
  readonly #leaseFromMs: number;
  readonly #most: number;
  readonly #onEnd: (end: Acknowledged) => void;
  #sent = 0;

  constructor(channel: AckChannel, { subject, verb, leaseFromMs, most, onEnd }: Acknowledgement) {
    this.#channel = channel;
    this.#subject = subject;
    this.#verb = verb;
    this.#leaseFromMs = leaseFromMs;
    this.#most = most;
    this.#onEnd = onEnd;
    this.#next();
  }

  /** Called by the outbox. */
  send(): void {
    const { replies, connection } = this.#channel;
    const reply = replies.expect(this.#onReply);
    try {
      connection.publish(this.#subject, this.#verb, { reply });
    } catch {
      replies.forget(reply); // the connection is closed: nothing was sent
      this.#onReply(null);
    }
  }

  readonly #onReply = (answer: Msg | null): void => {
    this.#sent += 1;
    if (answer !== null && answer.headers?.code !== NO_RESPONDERS) this.#onEnd("confirmed");
    else if (this.#sent >= this.#most || this.#channel.connection.isClosed()) this.#onEnd("unconfirmed");
    else this.#next();
  };

  #next(): void {
    if (!leaseIsOver(this.#channel, this.#leaseFromMs)) this.#channel.outbox.add(this);
    else this.#onEnd(this.#sent === 0 ? "lease_over" : "unconfirmed");
  }
}
