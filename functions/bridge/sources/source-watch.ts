import type { Connection } from "../../../shared/jetstream/connect.ts";
import { ExpiredCount, lookAtSource, type Remade, type SourceLook } from "../../../shared/jetstream/source-watch.ts";
import { subjectCovers } from "../../../shared/subjects/overlap.ts";

interface Watched {
  readonly stream: string;
  readonly durable: string;
  /** What the consumer takes. */
  readonly subject: string;
}

interface FirstLook extends Watched {
  readonly connection: Connection;
  readonly look: SourceLook;
}

export interface SourceWatchObserver {
  /** Hand-overs so far that the consumer counts as repeated ones. */
  repeated(): number;
  /** `waiting`: messages that nobody had been given when it was looked at last; null when that is not known. */
  remade(what: Remade, waiting: number | null): void;
}

const LOOK_EVERY_MS = 5_000;

/** Looks now and then how far an ingest is behind its source, and what the source let go of. */
export class SourceWatch {
  readonly #first: FirstLook;
  readonly #expired: ExpiredCount;
  readonly #observer: SourceWatchObserver;
  readonly #timer: NodeJS.Timeout;
  #pending: number | null;
  /** As `#pending`, but from the last look that found a consumer. */
  #waiting: number | null;
  #looking = false;

  constructor(first: FirstLook, observer: SourceWatchObserver) {
    this.#first = first;
    this.#observer = observer;
    const takesAll = ({ subjects }: { readonly subjects: readonly string[] }): boolean =>
      subjects.length > 0 && subjects.every((each) => subjectCovers(first.subject, each));
    this.#expired = new ExpiredCount(first.look, takesAll);
    this.#pending = first.look.consumer?.pending ?? null;
    this.#waiting = this.#pending;
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
    return this.#expired.total;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    if (this.#looking) return; // a server that is slow is not asked twice
    this.#looking = true;
    const { connection, stream, durable } = this.#first;
    const before = this.#observer.repeated();
    const look = await lookAtSource(connection, stream, durable).catch(() => null);
    this.#pending = look?.consumer?.pending ?? null;
    if (look !== null) this.#count(look, before);
    this.#looking = false;
  }

  #count(look: SourceLook, before: number): void {
    const remade = this.#expired.look(look, { before, after: this.#observer.repeated() });
    if (remade !== null) this.#observer.remade(remade, this.#waiting);
    this.#waiting = look.consumer?.pending ?? this.#waiting;
  }
}
