import type { Bucket } from "./buckets.ts";

export interface ClockSource {
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** This process's wall clock, milliseconds since 1970. */
  readonly wallNow: () => number;
}

/**
 * The server's time, read once and carried on by the monotonic clock: a step of this machine's wall clock moves nothing.
 * Delays that outlive a process are told in it, because another machine will wait for their end.
 */
export class ServerClock {
  readonly #now: () => number;
  readonly #offsetMs: number;
  /** Half the round trip of the reading: how far off the time may be, milliseconds. */
  readonly uncertaintyMs: number;
  /** This machine's wall clock less the server's, at the reading. */
  readonly skewMs: number;

  private constructor({ now }: ClockSource, reading: { offsetMs: number; uncertaintyMs: number; skewMs: number }) {
    this.#now = now;
    this.#offsetMs = reading.offsetMs;
    this.uncertaintyMs = reading.uncertaintyMs;
    this.skewMs = reading.skewMs;
  }

  /** Writes a key of its own and reads when the server stored it. `name` keeps processes apart. */
  static async read(bucket: Bucket, name: string, source: ClockSource): Promise<ServerClock> {
    const key = `clock.${name}`;
    const sentAt = source.now();
    await bucket.put(key, "");
    const answeredAt = source.now();
    const wall = source.wallNow();
    const stored = await bucket.get(key);
    const middle = (sentAt + answeredAt) / 2;
    const uncertaintyMs = (answeredAt - sentAt) / 2;
    const serverAtAnswer = (stored?.storedAtMs ?? wall) + uncertaintyMs;
    return new ServerClock(source, {
      offsetMs: (stored?.storedAtMs ?? wall) - middle,
      uncertaintyMs,
      skewMs: wall - serverAtAnswer,
    });
  }

  /** Milliseconds since 1970 by the server's clock. */
  now(): number {
    return this.#now() + this.#offsetMs;
  }
}
