import { Fifo } from "../../shared/jetstream/fifo.ts";

/** How long work goes on before sockets are read again, milliseconds. */
const SLICE_MS = { normally: 10, behind: 4 };
/**
 * So much read between two slices says that more waits in the socket: libuv reads one 32 times, 64 KiB each, before it
 * goes on with anything else.
 */
const BEHIND_BYTES = 1_048_576;

/**
 * Runs work in the order in which it came, in slices between which sockets are read. A reader that validates all it has read
 * before it reads on falls behind a burst, and is cut off by its server as a slow consumer with all that waits for it there:
 * how much that was, nobody has counted. Shorter slices while it is behind: what is read and shed is counted.
 */
export class Slices {
  readonly #now: () => number;
  readonly #waiting = new Fifo<() => void>();
  #isScheduled = false;
  #bytesRead = 0;

  /** `now` is a monotonic clock in milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** To be told of everything that is read, whether it becomes work or not. */
  read(bytes: number): void {
    this.#bytesRead += bytes;
  }

  /** Runs it soon, never at once. It must not throw. */
  add(work: () => void): void {
    this.#waiting.push(work);
    this.#schedule();
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
    for (let work = this.#waiting.shift(); work !== undefined; work = this.#waiting.shift()) {
      work();
      if (this.#now() >= end) break;
    }
    if (this.#waiting.peek() !== undefined) this.#schedule();
  }
}
