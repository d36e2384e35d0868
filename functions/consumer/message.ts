import type { Delivery } from "../../shared/jetstream/delivery.ts";
import { JOB_HEADERS } from "../../shared/jobs/headers.ts";
import type { JobMessage, MessageHeaders } from "../../shared/jobs/message.ts";

/**
 * The id outputs are keyed by: that of the message a copy (parked, replayed) was made of, the stored one, or the message's
 * place in its stream and its time. With the time: a stream that is made anew counts from 1 again, and its first messages
 * would be taken for copies of the old ones.
 */
export function inputId(delivery: Delivery): string {
  const stored = delivery.header(JOB_HEADERS.id) || delivery.header("Nats-Msg-Id");
  return stored === "" ? `${delivery.stream}:${delivery.streamSequence}:${delivery.timestampMs}` : stored;
}

/** A delivery as a handler sees it. Headers are read when asked for: most handlers need few of them. */
export class DeliveredMessage<T> implements JobMessage<T>, MessageHeaders {
  readonly data: T;
  readonly #delivery: Delivery;

  constructor(delivery: Delivery, data: T) {
    this.#delivery = delivery;
    this.data = data;
  }

  get id(): string {
    return inputId(this.#delivery);
  }

  get subject(): string {
    return this.#delivery.subject;
  }

  get headers(): MessageHeaders {
    return this;
  }

  get sender(): string {
    return this.get("Choria-Sender");
  }

  get senderProof(): string {
    return this.get("Choria-Sender-Proof");
  }

  get caller(): string {
    return this.get("Choria-Caller");
  }

  get agent(): string {
    return this.get("Choria-Agent");
  }

  get collective(): string {
    return this.get("Choria-Collective");
  }

  get requestId(): string {
    return this.get("Choria-Request-Id");
  }

  get time(): string {
    return this.get("Choria-Time");
  }

  get publishedAt(): Date {
    return new Date(this.#delivery.timestampMs);
  }

  get stream(): string {
    return this.#delivery.stream;
  }

  get sequence(): number {
    return this.#delivery.streamSequence;
  }

  get(name: string): string {
    return this.#delivery.header(name);
  }

  has(name: string): boolean {
    return this.#delivery.hasHeader(name);
  }

  entries(): readonly (readonly [name: string, value: string])[] {
    return this.#delivery.headers();
  }
}
