import type { Connection } from "../../../shared/jetstream/connect.ts";
import {
  ExpiredCount,
  type Lookout,
  lookAtSource,
  lookoutOf,
  type Remade,
  type SourceLook,
} from "../../../shared/jetstream/source-watch.ts";
import { subjectCovers } from "../../../shared/subjects/overlap.ts";

interface Watched {
  readonly stream: string;
  readonly durable: string;
  /** What the consumer takes. */
  readonly subject: string;
}

interface FirstLook extends Watched {
  readonly lookout: Lookout;
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
  #last: SourceLook;
  /** One look at a time: they are counted in their order. */
  #looks: Promise<unknown> = Promise.resolve();
  #looking = 0;

  constructor(first: FirstLook, observer: SourceWatchObserver) {
    this.#first = first;
    this.#observer = observer;
    const takesAll = ({ subjects }: { readonly subjects: readonly string[] }): boolean =>
      subjects.length > 0 && subjects.every((each) => subjectCovers(first.subject, each));
    this.#expired = new ExpiredCount(first.look, takesAll);
    this.#pending = first.look.consumer?.pending ?? null;
    this.#waiting = this.#pending;
    this.#last = first.look;
    this.#timer = setInterval(() => {
      if (this.#looking === 0) void this.look(); // a server that is slow is not asked twice
    }, LOOK_EVERY_MS);
    this.#timer.unref();
  }

  /** The look before anything is taken. Rejects when the source cannot be asked. */
  static async look(connection: Connection, watched: Watched): Promise<FirstLook> {
    const lookout = await lookoutOf(connection);
    return { ...watched, lookout, look: await lookAtSource(lookout, watched, null) };
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

  /** A look that is begun after the call. True when it found a consumer; what was made anew has been said by then. */
  look(): Promise<boolean> {
    this.#looking += 1;
    const look = this.#looks
      .then(() => this.#look())
      .finally(() => {
        this.#looking -= 1;
      });
    this.#looks = look;
    return look;
  }

  async #look(): Promise<boolean> {
    const before = this.#observer.repeated();
    const look = await lookAtSource(this.#first.lookout, this.#first, this.#last).catch(() => null);
    this.#pending = look?.consumer?.pending ?? null;
    if (look === null) return false;
    this.#last = look;
    this.#count(look, before);
    return look.consumer !== null;
  }

  #count(look: SourceLook, before: number): void {
    const remade = this.#expired.look(look, { before, after: this.#observer.repeated() });
    if (remade !== null) this.#observer.remade(remade, this.#waiting);
    this.#waiting = look.consumer?.pending ?? this.#waiting;
  }
}
