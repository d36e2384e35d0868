import type { Msg, NatsConnection, Subscription } from "nats";
import { messageSize } from "./message-size.ts";

export interface CoreMessage {
  readonly subject: string;
  readonly data: Uint8Array;
  /** Bytes it came in: subject, headers and body. */
  readonly size: number;
  /** Every header with its values, read when asked for. Malformed ones, on which the client throws, count as none. */
  headers(): readonly (readonly [name: string, value: string])[];
}

interface Wanted {
  readonly subject: string;
  readonly queue: string;
}

/**
 * A core NATS subscription whose messages are handed over as the socket delivers them: nothing is queued on our side, so
 * whoever receives must not block. One that the server refuses is forgotten by the client; this one can be asked for again.
 */
export class CoreSubscription {
  readonly subject: string;
  readonly #connection: NatsConnection;
  readonly #wanted: Wanted;
  readonly #onMessage: (message: CoreMessage) => void;
  #subscription: Subscription | null = null;
  #ended = false;

  private constructor(connection: NatsConnection, wanted: Wanted, onMessage: (message: CoreMessage) => void) {
    this.subject = wanted.subject;
    this.#connection = connection;
    this.#wanted = wanted;
    this.#onMessage = onMessage;
  }

  /** Resolves once the server has the subscription or has refused it, which it also reports as a connection error. */
  static async open(
    connection: NatsConnection,
    wanted: Wanted,
    onMessage: (message: CoreMessage) => void,
  ): Promise<CoreSubscription> {
    const subscription = new CoreSubscription(connection, wanted, onMessage);
    await subscription.renew();
    return subscription;
  }

  /** The server refused it, at first or when the connection came back with credentials that may do less. */
  get isDenied(): boolean {
    return this.#subscription === null;
  }

  /** Asks again for what was refused; resolves to whether the server has it now. */
  async renew(): Promise<boolean> {
    if (this.#ended) return false;
    this.#subscription ??= this.#subscribe();
    await this.#connection.flush(); // a refusal arrives before the answer to this
    return !this.isDenied;
  }

  /** Asks the server to stop, and resolves when everything it had sent until then was delivered. */
  async drain(): Promise<void> {
    this.#ended = true;
    await this.#subscription?.drain();
  }

  #subscribe(): Subscription {
    const { subject, queue } = this.#wanted;
    const subscription = this.#connection.subscribe(subject, {
      queue,
      callback: (error, message) => {
        if (error === null) this.#onMessage(coreMessage(message));
        else if (this.#subscription === subscription) this.#subscription = null;
      },
    });
    return subscription;
  }
}

/**
 * Whether the server lets the connection subscribe, without taking a message from anybody: in no queue group a subscription
 * gets copies, and these are dropped.
 */
export async function maySubscribe(connection: NatsConnection, subject: string): Promise<boolean> {
  let isDenied = false;
  const subscription = connection.subscribe(subject, {
    callback: (error) => {
      if (error !== null) isDenied = true;
    },
  });
  await connection.flush(); // a refusal arrives before the answer to this
  subscription.unsubscribe();
  return !isDenied;
}

function coreMessage(message: Msg): CoreMessage {
  return {
    subject: message.subject,
    data: message.data,
    size: messageSize(message),
    headers: () => headersOf(message),
  };
}

const NONE: readonly (readonly [string, string])[] = [];

function headersOf(message: Msg): readonly (readonly [string, string])[] {
  try {
    const headers = message.headers;
    if (headers === undefined) return NONE;
    return [...headers].flatMap(([name, values]) => values.map((value) => [name, value] as const));
  } catch {
    return NONE;
  }
}
