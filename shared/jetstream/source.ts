import { ACK, type AckChannel, type Acknowledged, nak, PendingAck } from "./acknowledge.ts";
import type { Delivery } from "./delivery.ts";
import type { Settle } from "./lane.ts";
import { Leases } from "./leases.ts";
import { Pull } from "./pull.ts";

export interface SourceSettings {
  readonly stream: string;
  readonly durable: string;
  /** Most messages taken and not settled. */
  readonly inFlight: number;
  /** Most bytes of them; a message that is larger is taken by itself. */
  readonly maxBytes: number;
}

export interface SourceObserver {
  delivered(delivery: Delivery, settle: Settle): void;
  /** True: nothing more is asked for until messages are settled. */
  isBlocked(): boolean;
  /** A pull failed; it is asked again, for ever. */
  trouble(detail: string): void;
}

export interface SourceCounters {
  /** Given back: they come again. */
  returned: number;
  /** Hand-overs that were not the first of their message. */
  redelivered: number;
  /** Those of them that the consumer knows of: one that was made anew hands over for the first time what is in hand here. */
  repeated: number;
}

interface Held {
  /** The latest hand-over: its lease counts, and its ack is the one the server waits for. */
  delivery: Delivery;
  readonly bytes: number;
  /** Stored elsewhere; its ack is on the way. */
  isStored: boolean;
  /** Stored or given back, and out of the capacity of the pull. */
  isSettled: boolean;
}

/** Soon enough that an outage is not prolonged, late enough that what cannot be stored now is no busy loop. */
const RETURN_DELAY_MS = 1_000;
const MOST_ACKS = 5;
const ANSWER_WITHIN_MS = 1_000;
/** Of the bytes: less room is not asked for, or the server would be asked again and again for what does not fit. */
const LEAST_ROOM = 1 / 8;

/**
 * Takes messages from a durable pull consumer and acknowledges each once it is stored elsewhere. Leases are kept for as
 * long as that takes. A message that is handed over again because a lease ran out (the link was cut) is recognised while it
 * is in hand or its ack is unconfirmed: it is not processed a second time.
 */
export class Source {
  readonly counters: SourceCounters = { returned: 0, redelivered: 0, repeated: 0 };
  readonly #settings: SourceSettings;
  readonly #channel: AckChannel;
  readonly #observer: SourceObserver;
  readonly #held = new Map<number, Held>();
  /** Stored, and no ack of it was confirmed: sequence -> the source's timestamp. */
  readonly #unconfirmed = new Map<number, number>();
  readonly #leases: Leases;
  readonly #pull: Pull;
  #bytes = 0;
  #acking = 0;
  #closing = false;
  #onAcked: (() => void) | null = null;

  /** Starts at once; the consumer must exist. */
  constructor(channel: AckChannel, settings: SourceSettings, observer: SourceObserver) {
    this.#channel = channel;
    this.#settings = settings;
    this.#observer = observer;
    this.#leases = new Leases(channel, { renewed: () => {}, lost: () => {} });
    const { stream, durable } = settings;
    this.#pull = new Pull(
      channel.connection,
      { stream, durable, noWait: false, prefetch: () => this.#prefetch(), roomBytes: () => this.#roomBytes },
      {
        delivered: (delivery) => this.#receive(delivery),
        exhausted: () => {},
        trouble: (detail) => observer.trouble(detail),
        returned: () => {
          this.counters.returned += 1;
        },
      },
      channel.now,
    );
  }

  /** Messages taken and not settled, those whose ack is on the way included. */
  get held(): number {
    return this.#held.size;
  }

  /** What the last pull failed with, while none has succeeded since. */
  get trouble(): string | null {
    return this.#pull.trouble;
  }

  disconnected(): void {
    this.#pull.disconnected();
  }

  reconnected(): void {
    this.#channel.replies.abandon(); // never answered: acks are sent again now, not when they time out
    this.#pull.reconnected();
  }

  /** Asks for nothing more and gives back what arrives from now on. Resolves when the server knows; safe to call again. */
  async withdraw(): Promise<void> {
    this.#closing = true;
    await this.#pull.close();
    await this.#forgetPulls();
  }

  /** Gives back what is not settled, after `withdraw`, and waits a moment for the confirmation of acks. */
  async close(): Promise<void> {
    for (const held of [...this.#held.values()]) this.#settle(held, false);
    if (this.#acking > 0 && !this.#channel.connection.isClosed()) await this.#acked();
    this.#leases.close();
    if (this.#channel.connection.isClosed()) return;
    this.#channel.replies.close();
    await this.#channel.connection.flush().catch(() => {}); // lost: leases end by themselves
  }

  /**
   * 2.9.10 gives the first message that comes back to a pull nobody waits for any more, and then keeps it for its whole
   * lease; asked about the consumer, it drops such pulls.
   */
  async #forgetPulls(): Promise<void> {
    const { stream, durable } = this.#settings;
    const { connection } = this.#channel;
    if (connection.isClosed()) return;
    await connection
      .request(`$JS.API.CONSUMER.INFO.${stream}.${durable}`, "", { timeout: ANSWER_WITHIN_MS })
      .catch(() => {});
  }

  #acked(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ANSWER_WITHIN_MS);
      this.#onAcked = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #prefetch(): number {
    const { inFlight, maxBytes } = this.#settings;
    return this.#observer.isBlocked() || this.#roomBytes < maxBytes * LEAST_ROOM ? 0 : inFlight;
  }

  get #roomBytes(): number {
    return this.#settings.maxBytes - this.#bytes;
  }

  #receive(delivery: Delivery): void {
    const isKnown = this.#isKnown(delivery);
    const isRepeated = delivery.deliveryCount > 1;
    if (isRepeated) this.counters.repeated += 1;
    if (isKnown || isRepeated) this.counters.redelivered += 1;
    if (isKnown) {
      this.#pull.release(); // one message, however often it was handed over
      return;
    }
    const held: Held = { delivery, bytes: delivery.size, isStored: false, isSettled: false };
    this.#bytes += held.bytes;
    this.#held.set(delivery.streamSequence, held);
    this.#leases.hold(delivery);
    this.#observer.delivered(delivery, (kept) => this.#settle(held, kept));
  }

  /**
   * The sequence alone does not tell: a stream that was deleted and made again counts from 1 again. Nor does the count of
   * deliveries: 2.9.10 hands a message over twice as if it were the first time.
   */
  #isKnown(delivery: Delivery): boolean {
    const { streamSequence: sequence, timestampMs } = delivery;
    const held = this.#held.get(sequence);
    if (held?.delivery.timestampMs === timestampMs) {
      if (held.isStored) this.#acknowledge(delivery);
      else this.#replace(held, delivery);
      return true;
    }
    if (this.#unconfirmed.get(sequence) !== timestampMs) return false;
    this.#acknowledge(delivery);
    return true;
  }

  #replace(held: Held, delivery: Delivery): void {
    this.#leases.release(held.delivery);
    held.delivery = delivery;
    this.#leases.hold(delivery);
  }

  #settle(held: Held, kept: boolean): void {
    const { delivery } = held;
    if (held.isSettled) return; // given back when the source was closed
    held.isSettled = true;
    this.#bytes -= held.bytes;
    this.#leases.release(delivery);
    // Of a stream that was made again meanwhile this number is another message: it must not be acknowledged by this one.
    if (this.#held.get(delivery.streamSequence) === held) {
      if (kept) {
        held.isStored = true;
        this.#acknowledge(delivery);
      } else {
        this.#held.delete(delivery.streamSequence);
        this.#giveBack(delivery);
      }
    }
    this.#pull.release();
  }

  #acknowledge(delivery: Delivery): void {
    const { ackSubject: subject, leaseFromMs, streamSequence, timestampMs } = delivery;
    const onEnd = (end: Acknowledged): void => {
      this.#acking -= 1;
      const held = this.#held.get(streamSequence);
      if (held?.isStored === true && held.delivery.timestampMs === timestampMs) this.#held.delete(streamSequence);
      if (end === "confirmed") this.#unconfirmed.delete(streamSequence);
      else this.#remember(streamSequence, timestampMs);
      if (this.#acking === 0) this.#onAcked?.();
    };
    this.#acking += 1;
    new PendingAck(this.#channel, { subject, verb: ACK, leaseFromMs, most: MOST_ACKS, onEnd });
  }

  /** Bounded: what another process is given again is never asked about here. */
  #remember(sequence: number, timestampMs: number): void {
    this.#unconfirmed.set(sequence, timestampMs);
    if (this.#unconfirmed.size <= 2 * this.#settings.inFlight) return;
    for (const oldest of this.#unconfirmed.keys()) {
      this.#unconfirmed.delete(oldest);
      return;
    }
  }

  /** Nothing is said about a message whose lease is over: it may be in other hands. */
  #giveBack(delivery: Delivery): void {
    this.counters.returned += 1;
    if (delivery.isLost || this.#channel.connection.isClosed()) return;
    this.#channel.connection.publish(delivery.ackSubject, nak(this.#closing ? 0 : RETURN_DELAY_MS));
  }
}
