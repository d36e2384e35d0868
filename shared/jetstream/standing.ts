import type { Msg, NatsConnection, Subscription } from "nats";

export interface Wanted {
  readonly subject: string;
  readonly queue?: string;
}

const standing = new WeakMap<NatsConnection, Set<StandingSubscription>>();

/** Those of a connection that were not ended. */
export function standingOn(connection: NatsConnection): readonly StandingSubscription[] {
  return [...(standing.get(connection) ?? [])];
}

/**
 * A subscription that lasts until it is ended. One that the server refuses is forgotten by the client, at first or when the
 * connection comes back with credentials that may do less; this one can be asked for again, and `Renewal` does.
 */
export class StandingSubscription {
  readonly subject: string;
  readonly queue: string | undefined;
  readonly #connection: NatsConnection;
  readonly #wanted: Wanted;
  readonly #onMessage: (message: Msg) => void;
  #subscription: Subscription | null = null;
  /** Asked for again, and the server has not answered yet. */
  #unanswered: Subscription | null = null;
  #ended = false;

  /** Asks at once. Messages are handed over as the socket delivers them: whoever receives must not block. */
  constructor(connection: NatsConnection, wanted: Wanted, onMessage: (message: Msg) => void) {
    this.subject = wanted.subject;
    this.queue = wanted.queue;
    this.#connection = connection;
    this.#wanted = wanted;
    this.#onMessage = onMessage;
    this.#subscription = this.#subscribe();
    standing.set(connection, (standing.get(connection) ?? new Set()).add(this));
  }

  /** The server refused it when it last answered. */
  get isDenied(): boolean {
    return this.#subscription === null || this.#subscription === this.#unanswered;
  }

  /** For what the server refuses where the client has not noticed. */
  forget(): void {
    this.#subscription?.unsubscribe();
    this.#subscription = null;
  }

  /** Asks again for what was refused; resolves to whether the server has it now. */
  async renew(): Promise<boolean> {
    if (this.#ended) return false;
    if (this.#subscription === null) {
      this.#subscription = this.#subscribe();
      this.#unanswered = this.#subscription;
    }
    const asked = this.#subscription;
    await this.#connection.flush(); // a refusal arrives before the answer to this
    if (this.#unanswered === asked) this.#unanswered = null;
    return !this.isDenied;
  }

  /** Asks the server to stop, and resolves when everything it had sent until then was delivered. */
  async drain(): Promise<void> {
    this.#end();
    await this.#subscription?.drain();
  }

  /** Nothing more is delivered. */
  close(): void {
    this.#end();
    this.#subscription?.unsubscribe();
  }

  #end(): void {
    this.#ended = true;
    standing.get(this.#connection)?.delete(this);
  }

  #subscribe(): Subscription {
    const subscription = this.#connection.subscribe(this.subject, {
      ...this.#wanted,
      callback: (error, message) => {
        if (error === null) this.#onMessage(message);
        else if (this.#subscription === subscription) this.#subscription = null;
      },
    });
    return subscription;
  }
}
