import type { Connection } from "../../../shared/jetstream/connect.ts";
import { ExpiredCount, lookAtSource, type SourceLook } from "../../../shared/jetstream/source-watch.ts";

interface Watched {
  readonly stream: string;
  readonly durable: string;
  readonly takesAll: boolean;
}

interface FirstLook extends Watched {
  readonly connection: Connection;
  readonly look: SourceLook;
}

const LOOK_EVERY_MS = 5_000;

/** Looks now and then how far an ingest is behind its source, and what the source let go of. */
export class SourceWatch {
  readonly #first: FirstLook;
  readonly #expired: ExpiredCount;
  readonly #repeated: () => number;
  readonly #timer: NodeJS.Timeout;
  #pending: number | null;
  #looking = false;

  /** `repeated`: hand-overs so far that were not the first of their message. */
  constructor(first: FirstLook, repeated: () => number) {
    this.#first = first;
    this.#expired = new ExpiredCount(first.look);
    this.#repeated = repeated;
    this.#pending = first.look.pending;
    this.#timer = setInterval(() => void this.#look(), LOOK_EVERY_MS);
    this.#timer.unref();
  }

  /** The look before anything is taken. Rejects when the source cannot be asked. */
  static async look(connection: Connection, watched: Watched): Promise<FirstLook> {
    return { ...watched, connection, look: await lookAtSource(connection, watched.stream, watched.durable) };
  }

  get pending(): number | null {
    return this.#pending;
  }

  get expired(): number | null {
    return this.#first.takesAll ? this.#expired.total : null;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    if (this.#looking) return; // a server that is slow is not asked twice
    this.#looking = true;
    const { connection, stream, durable } = this.#first;
    const repeated = this.#repeated();
    const look = await lookAtSource(connection, stream, durable).catch(() => null);
    this.#pending = look?.pending ?? null;
    if (look !== null) this.#expired.look(look, repeated);
    this.#looking = false;
  }
}
