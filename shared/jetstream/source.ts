import type { AckChannel } from "./acknowledge.ts";
import type { Delivery } from "./delivery.ts";
import type { Settle } from "./lane.ts";
import { Leases } from "./leases.ts";
import { Pull } from "./pull.ts";
import { type HandOver, SourceAcks } from "./source-acks.ts";

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
  /** Looks at stream and consumer. True: there is one, and if it is not the one of the look before, `disown` was called. */
  look(): Promise<boolean>;
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
  handOver: HandOver;
  readonly bytes: number;
  /** Stored elsewhere; its ack is on the way. */
  isStored: boolean;
  /** Stored or given back, and out of the capacity of the pull. */
  isSettled: boolean;
}

/** Soon enough that an outage is not prolonged, late enough that what cannot be stored now is no busy loop. */
const RETURN_DELAY_MS = 1_000;
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
  readonly #acks: SourceAcks;
  readonly #pull: Pull;
  #bytes = 0;
  #closing = false;

  /** Starts at once; the consumer must exist. */
  constructor(channel: AckChannel, settings: SourceSettings, observer: SourceObserver) {
    this.#channel = channel;
    this.#settings = settings;
    this.#observer = observer;
    this.#leases = new Leases(channel, { renewed: () => {}, lost: () => {} });
    this.#acks = new SourceAcks(channel, () => observer.look());
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

  /**
   * Stream or consumer were deleted and made again: what is in hand is stored still, but nothing is said about it any more.
   * Where the new one has it too it comes again, and is recognised.
   */
  disown(): void {
    this.#acks.disown();
    for (const { handOver } of this.#held.values()) this.#leases.release(handOver.delivery);
  }

  disconnected(): void {
    this.#acks.disconnected();
    this.#pull.disconnected();
  }

  reconnected(): void {
    this.#acks.reconnected();
    this.#channel.replies.abandon(); // never answered: acks are sent again once it was looked, not when they time out
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
    await this.#acks.idle();
    this.#acks.close();
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

  #prefetch(): number {
    const { inFlight, maxBytes } = this.#settings;
    if (this.#acks.isLooking || this.#observer.isBlocked()) return 0;
    return this.#roomBytes < maxBytes * LEAST_ROOM ? 0 : inFlight;
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
    if (this.#held.has(delivery.streamSequence)) this.disown(); // another message has this number: another stream
    const held: Held = {
      handOver: this.#acks.handOver(delivery),
      bytes: delivery.size,
      isStored: false,
      isSettled: false,
    };
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
    const isHeld = held?.handOver.delivery.timestampMs === timestampMs;
    if (isHeld && !held.isStored) this.#replace(held, delivery);
    else if (isHeld || this.#unconfirmed.get(sequence) === timestampMs)
      this.#acknowledge(this.#acks.handOver(delivery));
    else return false;
    return true;
  }

  #replace(held: Held, delivery: Delivery): void {
    this.#leases.release(held.handOver.delivery);
    held.handOver = this.#acks.handOver(delivery);
    this.#leases.hold(delivery);
  }

  #settle(held: Held, kept: boolean): void {
    const { delivery } = held.handOver;
    if (held.isSettled) return; // given back when the source was closed
    held.isSettled = true;
    this.#bytes -= held.bytes;
    this.#leases.release(delivery);
    // Of a stream that was made again meanwhile this number is another message: it must not be acknowledged by this one.
    if (this.#held.get(delivery.streamSequence) === held) {
      if (kept) {
        held.isStored = true;
        this.#acknowledge(held.handOver);
      } else {
        this.#held.delete(delivery.streamSequence);
        this.counters.returned += 1;
        this.#acks.giveBack(held.handOver, this.#closing ? 0 : RETURN_DELAY_MS);
      }
    }
    this.#pull.release();
  }

  #acknowledge(handOver: HandOver): void {
    const { streamSequence, timestampMs } = handOver.delivery;
    this.#acks.acknowledge(handOver, (confirmed) => {
      const held = this.#held.get(streamSequence);
      if (held?.isStored === true && held.handOver.delivery.timestampMs === timestampMs)
        this.#held.delete(streamSequence);
      if (confirmed) this.#unconfirmed.delete(streamSequence);
      else this.#remember(streamSequence, timestampMs);
    });
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
}
