import { Fifo } from "../../shared/jetstream/fifo.ts";

interface Slot<T> {
  result: T | undefined;
}

/**
 * Releases the results of concurrent work in the order in which the work was taken on. Signatures are verified in a
 * thread pool, so a sender's second message may be proven before its first; the order per sender must not depend on it.
 */
export class InOrder<T> {
  readonly #slots = new Fifo<Slot<T>>();
  readonly #release: (result: T) => void;

  constructor(release: (result: T) => void) {
    this.#release = release;
  }

  /** Reserves the next place; call the returned function once, with the result. */
  take(): (result: T) => void {
    const slot: Slot<T> = { result: undefined };
    this.#slots.push(slot);
    return (result) => {
      slot.result = result;
      this.#drain();
    };
  }

  #drain(): void {
    for (let head = this.#slots.peek(); head?.result !== undefined; head = this.#slots.peek()) {
      this.#slots.shift();
      this.#release(head.result);
    }
  }
}
