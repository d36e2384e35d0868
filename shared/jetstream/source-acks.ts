import { ACK, type AckChannel, type Acknowledged, leaseIsOver, nak, PendingAck } from "./acknowledge.ts";
import type { Delivery } from "./delivery.ts";

/** A hand-over, and which hand it came into. */
export interface HandOver {
  readonly delivery: Delivery;
  /** Monotonic milliseconds. */
  readonly atMs: number;
  readonly hand: number;
}

interface Waiting {
  readonly handOver: HandOver;
  readonly say: () => void;
}

/** After this long a look comes first: streams that are away make messages wait for longer, others do not. */
const SURE_FOR_MS = 1_000;
const LOOK_AGAIN_MS = 1_000;
const IDLE_WITHIN_MS = 1_000;
const MOST_ACKS = 5;

/**
 * Says what became of messages. An ack names its message by nothing but the number (nats-server `processAckMsg`), and a stream
 * that was deleted and made again counts from 1 again: said too late, it takes a message away that somebody else has in hand.
 * So what was handed over a while ago, or before the connection was lost, has to wait for a look that finds the same stream
 * and consumer; once another one was found nothing is said any more (`disown`).
 */
export class SourceAcks {
  readonly #channel: AckChannel;
  readonly #look: () => Promise<boolean>;
  #hand = 0;
  #waiting: Waiting[] = [];
  /** When the last look was begun that found what was there before. */
  #lookedAt = Number.NEGATIVE_INFINITY;
  /** Infinity: not connected. */
  #connectedAt = Number.NEGATIVE_INFINITY;
  #looking = false;
  #again: NodeJS.Timeout | null = null;
  /** Acks that were not confirmed, and what waits for a look. */
  #unsettled = 0;
  #onIdle: (() => void) | null = null;

  /** `look`: true when there is a consumer; if it, or its stream, is another than before, `disown` was called by then. */
  constructor(channel: AckChannel, look: () => Promise<boolean>) {
    this.#channel = channel;
    this.#look = look;
  }

  /** A look is under way: what is handed over until it is answered may be of either. */
  get isLooking(): boolean {
    return this.#looking;
  }

  handOver(delivery: Delivery): HandOver {
    return { delivery, atMs: delivery.leaseFromMs, hand: this.#hand };
  }

  /** Stream or consumer are others by now: nothing is said any more about what was handed over until now. */
  disown(): void {
    this.#hand += 1;
  }

  disconnected(): void {
    this.#connectedAt = Number.POSITIVE_INFINITY;
  }

  reconnected(): void {
    this.#connectedAt = this.#channel.now();
    this.#lookForWaiting();
  }

  /** `onEnd` is called once; false: it comes again, here or elsewhere, or is gone. */
  acknowledge(handOver: HandOver, onEnd: (confirmed: boolean) => void): void {
    this.#unsettled += 1;
    this.#send(handOver, MOST_ACKS, (confirmed) => {
      onEnd(confirmed);
      this.#settled();
    });
  }

  giveBack(handOver: HandOver, delayMs: number): void {
    this.#unsettled += 1;
    this.#whenSure(handOver, () => {
      const { connection } = this.#channel;
      const { ackSubject } = handOver.delivery;
      if (!this.#isLost(handOver) && !connection.isClosed()) connection.publish(ackSubject, nak(delayMs));
      this.#settled();
    });
  }

  /** Resolves when nothing waits for a look or a confirmation, or after a moment. */
  async idle(): Promise<void> {
    if (this.#unsettled === 0 || this.#channel.connection.isClosed()) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, IDLE_WITHIN_MS);
      this.#onIdle = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  close(): void {
    if (this.#again !== null) clearTimeout(this.#again);
    this.#waiting = [];
  }

  /** Each time anew it has to be sure: between two tries the connection may have been lost. */
  #send(handOver: HandOver, tries: number, onEnd: (confirmed: boolean) => void): void {
    this.#whenSure(handOver, () => {
      if (this.#isLost(handOver)) {
        onEnd(false);
        return;
      }
      const { ackSubject: subject, leaseFromMs } = handOver.delivery;
      const isOver = (end: Acknowledged): void => {
        const isLast = end !== "unconfirmed" || tries === 1 || this.#channel.connection.isClosed();
        if (isLast) onEnd(end === "confirmed");
        else this.#send(handOver, tries - 1, onEnd);
      };
      new PendingAck(this.#channel, { subject, verb: ACK, leaseFromMs, most: 1, onEnd: isOver });
    });
  }

  /** In other hands by now, or about to be. */
  #isLost({ delivery, hand }: HandOver): boolean {
    return delivery.isLost || hand !== this.#hand || leaseIsOver(this.#channel, delivery.leaseFromMs);
  }

  #settled(): void {
    this.#unsettled -= 1;
    if (this.#unsettled === 0) this.#onIdle?.();
  }

  /** At once as well when nothing will be said. */
  #whenSure(handOver: HandOver, say: () => void): void {
    if (this.#isSure(handOver.atMs) || this.#isLost(handOver) || this.#channel.connection.isClosed()) {
      say();
      return;
    }
    this.#waiting.push({ handOver, say });
    this.#lookForWaiting();
  }

  #isSure(atMs: number): boolean {
    const knownAt = Math.max(atMs, this.#lookedAt);
    return knownAt >= this.#connectedAt && this.#channel.now() - knownAt < SURE_FOR_MS;
  }

  #lookForWaiting(): void {
    const isAway = this.#connectedAt === Number.POSITIVE_INFINITY;
    if (this.#waiting.length > 0 && !this.#looking && this.#again === null && !isAway) void this.#lookOnce();
  }

  async #lookOnce(): Promise<void> {
    this.#looking = true;
    const began = this.#channel.now();
    const isThere = await this.#look();
    this.#looking = false;
    if (isThere && began >= this.#connectedAt) {
      this.#lookedAt = began;
      this.#pass(({ atMs }) => atMs <= began); // what was handed over since has not been looked at
    } else {
      this.#pass((handOver) => this.#isLost(handOver));
      this.#lookLater();
    }
    this.#lookForWaiting();
  }

  #pass(isPassed: (handOver: HandOver) => boolean): void {
    const passed = this.#waiting.filter(({ handOver }) => isPassed(handOver));
    this.#waiting = this.#waiting.filter(({ handOver }) => !isPassed(handOver));
    for (const { say } of passed) say();
  }

  #lookLater(): void {
    if (this.#channel.connection.isClosed()) return;
    this.#again = setTimeout(() => {
      this.#again = null;
      this.#lookForWaiting();
    }, LOOK_AGAIN_MS);
  }
}
