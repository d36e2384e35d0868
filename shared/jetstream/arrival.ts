import type { NatsConnection } from "nats";

/** An event loop that was not seen for so long was held up, or its process stood still. */
const HELD_UP_MS = 750;

/**
 * Tells from when a lease counts. A process that stood still, or whose event loop was held up, finds in its socket what the
 * server sent meanwhile, and the lease of that may be over. So from then until the server has answered once, everything
 * counts from the last moment at which the process was seen alive.
 */
export class Arrival {
  readonly #connection: NatsConnection;
  readonly #now: () => number;
  #aliveAt: number;
  #stoodFrom: number | null = null;
  #stops = 0;

  /** `now` is a monotonic clock in milliseconds that runs on while the process stands still. */
  constructor(connection: NatsConnection, now: () => number) {
    this.#connection = connection;
    this.#now = now;
    this.#aliveAt = now();
  }

  /** The earliest moment at which what arrives now may have come. Ask it several times a second, arrivals or not. */
  earliest(): number {
    const now = this.#now();
    if (now - this.#aliveAt > HELD_UP_MS) void this.#stood(this.#aliveAt);
    this.#aliveAt = now;
    return this.#stoodFrom ?? now;
  }

  /** The connection is a new one: nothing old can be in it. */
  reconnected(): void {
    this.#stops += 1;
    this.#stoodFrom = null;
  }

  async #stood(from: number): Promise<void> {
    this.#stops += 1;
    const stop = this.#stops;
    this.#stoodFrom ??= from;
    if (!this.#connection.isClosed()) await this.#connection.flush().catch(() => {}); // lost: `reconnected` follows
    if (stop === this.#stops) this.#stoodFrom = null;
  }
}
