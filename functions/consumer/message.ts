import type { Delivery } from "../../shared/jetstream/delivery.ts";
import type { HandlerFacts } from "../../shared/jobs/definition.ts";
import { JOB_HEADERS } from "../../shared/jobs/headers.ts";
import { placeText } from "../../shared/jobs/identity.ts";
import type { JobMessage, MessageHeaders } from "../../shared/jobs/message.ts";

/** A stored message: a delivery, or in the test kit one that never was in a stream. */
export type StoredInput = Pick<
  Delivery,
  "subject" | "data" | "stream" | "streamSequence" | "timestampMs" | "header" | "hasHeader" | "headers"
>;

/**
 * The id outputs are keyed by. A copy that was parked or replayed has an id of its own and names that of the first; a
 * message without any is named by its place.
 */
export function inputId(input: StoredInput): string {
  const stored = input.header(JOB_HEADERS.id) || input.header("Nats-Msg-Id");
  if (stored !== "") return stored;
  return placeText({ stream: input.stream, sequence: input.streamSequence, storedAtMs: input.timestampMs });
}

/** What the messages of an ordered job must not overtake each other in. A `key` that fails leaves the sender. */
export function orderKeyOf({ key }: Pick<HandlerFacts, "key">, input: StoredInput): string {
  if (key === null) return input.header("Choria-Sender");
  try {
    const named: unknown = key(new DeliveredMessage(input, undefined));
    if (typeof named === "string") return named;
  } catch {
    // the run, which reads the same message, is where a handler's mistakes are told
  }
  return input.header("Choria-Sender");
}

/** A delivery as a handler sees it. Headers are read when asked for: most handlers need few of them. */
export class DeliveredMessage<T> implements JobMessage<T>, MessageHeaders {
  readonly data: T;
  readonly #delivery: StoredInput;

  constructor(delivery: StoredInput, data: T) {
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
