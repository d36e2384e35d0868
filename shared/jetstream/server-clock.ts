import type { Bucket } from "./buckets.ts";

export interface ClockSource {
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** This process's wall clock, milliseconds since 1970. */
  readonly wallNow: () => number;
}

interface Reading {
  /** The server's time less the monotonic clock. */
  readonly offsetMs: number;
  /** Half the round trip: how far off the time may be. */
  readonly uncertaintyMs: number;
  /** This machine's wall clock less the server's. */
  readonly skewMs: number;
}

/** Monotonic clocks of two machines part by some milliseconds an hour, and stand still while a machine sleeps. */
const READ_EVERY_MS = 60_000;

/**
 * The server's time, read now and then and carried on by the monotonic clock: a step of this machine's wall clock moves
 * nothing. Delays that outlive a process are told in it, because another machine will wait for their end.
 */
export class ServerClock {
  readonly #source: ClockSource;
  readonly #read: () => Promise<Reading>;
  readonly #timer: NodeJS.Timeout;
  #reading: Reading;

  private constructor(source: ClockSource, first: Reading, read: () => Promise<Reading>) {
    this.#source = source;
    this.#reading = first;
    this.#read = read;
    // A server that does not answer now is asked again; until then the last reading holds.
    this.#timer = setInterval(() => void this.reread().catch(() => {}), READ_EVERY_MS);
    this.#timer.unref();
  }

  /** `name` keeps processes apart: each writes a key of its own to learn when the server stored it. */
  static async start(bucket: Bucket, name: string, source: ClockSource): Promise<ServerClock> {
    const read = () => readClock(bucket, name, source);
    return new ServerClock(source, await read(), read);
  }

  /** Milliseconds since 1970 by the server's clock. */
  now(): number {
    return this.#source.now() + this.#reading.offsetMs;
  }

  /** Asks the server now: after this process has stood still. Rejects when it does not answer. */
  async reread(): Promise<void> {
    this.#reading = await this.#read();
  }

  get uncertaintyMs(): number {
    return this.#reading.uncertaintyMs;
  }

  get skewMs(): number {
    return this.#reading.skewMs;
  }

  close(): void {
    clearInterval(this.#timer);
  }
}

async function readClock(bucket: Bucket, name: string, { now, wallNow }: ClockSource): Promise<Reading> {
  const key = `_clock.${name}`;
  const sentAt = now();
  await bucket.put(key, "");
  const answeredAt = now();
  const wall = wallNow();
  const stored = await bucket.get(key);
  const uncertaintyMs = (answeredAt - sentAt) / 2;
  const storedAtMs = stored?.storedAtMs ?? wall - uncertaintyMs;
  return {
    offsetMs: storedAtMs - (sentAt + answeredAt) / 2,
    uncertaintyMs,
    skewMs: wall - (storedAtMs + uncertaintyMs),
  };
}
