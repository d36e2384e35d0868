import type { Msg, MsgHdrs } from "nats";
import { messageSize } from "./message-size.ts";

interface AckSubject {
  readonly stream: string;
  readonly deliveryCount: number;
  readonly streamSequence: number;
  readonly consumerSequence: number;
  readonly timestampMs: number;
}

const PREFIX_TOKENS = 2; // $JS.ACK
const SHORT_FORM_TOKENS = 9;
const FULL_FORM_TOKENS = 11; // with domain and account hash; newer servers add a random one at the end

/**
 * Reads a delivery's reply subject: `$JS.ACK.<stream>.<consumer>.<deliveries>.<stream seq>.<consumer seq>.<time ns>.<pending>`,
 * or the same behind `<domain>.<account hash>` (nats-server ADR-15). Null when it is neither.
 */
export function parseAckSubject(subject: string): AckSubject | null {
  if (!subject.startsWith("$JS.ACK.")) return null;
  const dots = positionsOfDots(subject);
  if (dots.length < SHORT_FORM_TOKENS - 1) return null;
  const at = dots.length >= FULL_FORM_TOKENS - 1 ? PREFIX_TOKENS + 2 : PREFIX_TOKENS;
  const token = (index: number): [start: number, end: number] => [
    (dots[at + index - 1] ?? 0) + 1,
    dots[at + index] ?? subject.length,
  ];
  const [timeStart, timeEnd] = token(5);
  return {
    stream: subject.slice(...token(0)),
    deliveryCount: integer(subject, ...token(2)),
    streamSequence: integer(subject, ...token(3)),
    consumerSequence: integer(subject, ...token(4)),
    // Nanoseconds do not fit a number: the last six digits go before it becomes one.
    timestampMs: integer(subject, timeStart, timeEnd - 6),
  };
}

function positionsOfDots(subject: string): readonly number[] {
  const dots: number[] = [];
  for (let dot = subject.indexOf("."); dot !== -1; dot = subject.indexOf(".", dot + 1)) dots.push(dot);
  return dots;
}

/** Reads digits in place: this runs for every message, and texts cut out would be garbage at once. */
function integer(text: string, start: number, end: number): number {
  let value = 0;
  for (let at = start; at < end; at++) value = value * 10 + (text.charCodeAt(at) - 48);
  return value;
}

const UNREADABLE: AckSubject = { stream: "", deliveryCount: 1, streamSequence: 0, consumerSequence: 0, timestampMs: 0 };

/**
 * One hand-over of a stored message by a pull consumer. Its headers and reply subject are read when asked for. The server
 * stores header bytes unread and the client throws on malformed ones: such a message counts as one without headers.
 */
export class Delivery {
  /**
   * Monotonic milliseconds from which the lease runs: the moment of delivery, later that of sending the last renewal that was
   * confirmed. Kept by `Leases`.
   */
  leaseFromMs: number;
  /** When a renewal was last sent; `leaseFromMs` when none was. Kept by `Leases`. */
  renewalSentAtMs: number;
  /** Its place in `Leases`; -1: not there. */
  leaseSlot = -1;
  /** The lease ended: from now on nothing is said about the message, it may be another worker's. Never false again. */
  isLost = false;
  readonly #message: Msg;
  #facts: AckSubject | null = null;

  /** `receivedAtMs`: monotonic. */
  constructor(message: Msg, receivedAtMs: number) {
    this.#message = message;
    this.leaseFromMs = receivedAtMs;
    this.renewalSentAtMs = receivedAtMs;
  }

  get subject(): string {
    return this.#message.subject;
  }

  /** The stored body. */
  get data(): Uint8Array {
    return this.#message.data;
  }

  /** Bytes it came in: subjects, headers and body. */
  get size(): number {
    return messageSize(this.#message);
  }

  /** Where its acknowledgement goes. */
  get ackSubject(): string {
    return this.#message.reply ?? "";
  }

  get stream(): string {
    return this.#read().stream;
  }

  get streamSequence(): number {
    return this.#read().streamSequence;
  }

  /** Counts what the consumer handed over, from 1 without a gap, repeated ones included. */
  get consumerSequence(): number {
    return this.#read().consumerSequence;
  }

  /** How often the server handed the message over, this time included. */
  get deliveryCount(): number {
    return this.#read().deliveryCount;
  }

  /** When the stream took the message, milliseconds since 1970, by the server's clock. */
  get timestampMs(): number {
    return this.#read().timestampMs;
  }

  /** First value of the header; empty when there is none. */
  header(name: string): string {
    return this.#headers()?.get(name) ?? "";
  }

  hasHeader(name: string): boolean {
    return this.#headers()?.has(name) ?? false;
  }

  /** Every header with its values, in the order of arrival. */
  headers(): (readonly [name: string, value: string])[] {
    const entries: (readonly [string, string])[] = [];
    for (const [name, values] of this.#headers() ?? []) {
      for (const value of values) entries.push([name, value]);
    }
    return entries;
  }

  #headers(): MsgHdrs | undefined {
    try {
      return this.#message.headers;
    } catch {
      return undefined;
    }
  }

  #read(): AckSubject {
    this.#facts ??= parseAckSubject(this.ackSubject) ?? UNREADABLE;
    return this.#facts;
  }
}
