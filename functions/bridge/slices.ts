import { Fifo } from "../../shared/jetstream/fifo.ts";

/** How long work goes on before sockets are read again, milliseconds. */
const SLICE_MS = { normally: 10, behind: 4 };
/**
 * So much read between two slices says that more waits in the socket: libuv reads one 32 times, 64 KiB each, before it
 * goes on with anything else.
 */
const BEHIND_BYTES = 1_048_576;

/** What is added behind so many will not be run in this slice, nor in the next. */
const LONG = 256;

type Work = () => void;

/**
 * Runs work in slices between which sockets are read. A reader that validates all it has read before it reads on falls
 * behind a burst, and is cut off by its server as a slow consumer with all that waits for it there: how much that was,
 * nobody has counted. While it is behind slices are shorter, because what is read and shed is counted.
 */
export class Slices {
  readonly #now: () => number;
  readonly #queues: Fifo<Work>[] = [];
  #next = 0;
  #waiting = 0;
  #isScheduled = false;
  #bytesRead = 0;

  /** `now` is a monotonic clock in milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Where an ingest adds its work: first come, first served within it, and in turn with the other ingests'. */
  queue(): SliceQueue {
    const works = new Fifo<Work>();
    this.#queues.push(works);
    return {
      add: (work) => {
        works.push(work);
        this.#waiting += 1;
        this.#schedule();
      },
      read: (bytes) => {
        this.#bytesRead += bytes;
      },
      isLong: () => this.#waiting >= LONG,
    };
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => this.#run());
  }

  #run(): void {
    this.#isScheduled = false;
    const end = this.#now() + (this.#bytesRead < BEHIND_BYTES ? SLICE_MS.normally : SLICE_MS.behind);
    this.#bytesRead = 0;
    while (this.#waiting > 0) {
      this.#take()?.();
      if (this.#now() >= end) break;
    }
    if (this.#waiting > 0) this.#schedule();
  }

  /** Undefined when it is the turn of an ingest that has nothing. */
  #take(): Work | undefined {
    this.#next = (this.#next + 1) % this.#queues.length;
    const work = this.#queues[this.#next]?.shift();
    if (work !== undefined) this.#waiting -= 1;
    return work;
  }
}

export interface SliceQueue {
  /** Runs it soon, never at once. It must not throw. */
  add(work: Work): void;
  /** To be told of everything that is read, whether it becomes work or not. */
  read(bytes: number): void;
  /** Whether what is added now will have to wait. */
  isLong(): boolean;
}
