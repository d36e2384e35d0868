import { type AckChannel, leaseIsOver, NO_RESPONDERS, PROGRESS } from "./acknowledge.ts";
import type { Delivery } from "./delivery.ts";

export interface LeaseObserver {
  renewed(): void;
  /** The server may have handed the message to somebody else. Called once; the delivery is not held any more. */
  lost(delivery: Delivery): void;
}

/** A lease is renewed at this share of its length: two more tries fit before it ends. */
const RENEW_AT = 1 / 3;
/** A renewal that is not confirmed after this share of the lease is sent again. */
const RESEND_AFTER = 1 / 6;
const LOOKS_PER_LEASE = 20;
const LOOK_EVERY_MIN_MS = 25;
const LOOK_EVERY_MAX_MS = 1_000;

/**
 * Keeps the leases of every message in hand, running or waiting: each is renewed by a progress ack that the server confirms,
 * and counts from the moment the ack was sent. A lease that could not be renewed in time is lost, and nothing brings it back.
 */
export class Leases {
  readonly #channel: AckChannel;
  readonly #observer: LeaseObserver;
  /** Each delivery knows its place, so that leaving costs no search. */
  readonly #held: Delivery[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(channel: AckChannel, observer: LeaseObserver) {
    this.#channel = channel;
    this.#observer = observer;
    const every = Math.min(LOOK_EVERY_MAX_MS, Math.max(LOOK_EVERY_MIN_MS, channel.ackWaitMs / LOOKS_PER_LEASE));
    this.#timer = setInterval(() => this.#look(), every);
  }

  /** Deliveries whose lease is kept. */
  get size(): number {
    return this.#held.length;
  }

  hold(delivery: Delivery): void {
    delivery.leaseSlot = this.#held.length;
    this.#held.push(delivery);
  }

  /** Its acknowledgement is on the way, or it is lost: no more renewals. Safe to call again. */
  release(delivery: Delivery): void {
    if (delivery.leaseSlot < 0) return;
    const last = this.#held.pop();
    if (last !== undefined && last !== delivery) {
      this.#held[delivery.leaseSlot] = last;
      last.leaseSlot = delivery.leaseSlot;
    }
    delivery.leaseSlot = -1;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const { ackWaitMs, now } = this.#channel;
    const at = now();
    // Backwards: whoever leaves is replaced by the last one, which has been looked at.
    for (let slot = this.#held.length - 1; slot >= 0; slot--) {
      const delivery = this.#held[slot];
      if (delivery === undefined) continue;
      if (leaseIsOver(this.#channel, delivery.leaseFromMs)) this.#lose(delivery);
      else if (at >= dueAt(delivery, ackWaitMs)) this.#renew(delivery, at);
    }
  }

  #renew(delivery: Delivery, sentAtMs: number): void {
    const { connection, replies } = this.#channel;
    delivery.renewalSentAtMs = sentAtMs;
    const reply = replies.expect((answer) => {
      if (answer === null || delivery.leaseSlot < 0) return;
      if (answer.headers?.code === NO_RESPONDERS)
        this.#lose(delivery); // its consumer is gone, and the lease with it
      else this.#renewed(delivery, sentAtMs);
    });
    try {
      connection.publish(delivery.ackSubject, PROGRESS, { reply });
    } catch {
      replies.forget(reply); // the connection is closed: the lease runs out
    }
  }

  #renewed(delivery: Delivery, sentAtMs: number): void {
    // A confirmation that comes after the end says nothing: the server may have given the message away before it.
    if (leaseIsOver(this.#channel, delivery.leaseFromMs)) this.#lose(delivery);
    else {
      delivery.leaseFromMs = Math.max(delivery.leaseFromMs, sentAtMs);
      this.#observer.renewed();
    }
  }

  #lose(delivery: Delivery): void {
    this.release(delivery);
    delivery.isLost = true;
    this.#observer.lost(delivery);
  }
}

function dueAt({ leaseFromMs, renewalSentAtMs }: Delivery, ackWaitMs: number): number {
  if (renewalSentAtMs > leaseFromMs) return renewalSentAtMs + ackWaitMs * RESEND_AFTER;
  return leaseFromMs + ackWaitMs * RENEW_AT;
}
