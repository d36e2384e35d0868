import { Fifo } from "../../../shared/jetstream/fifo.ts";

/** So many in each second of a monotonic clock, and no credit for seconds that went unused. */
export class Budget {
  readonly #perSecond: number;
  #second = Number.NEGATIVE_INFINITY;
  #taken = 0;

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  /** False when this second's share is used up. `now`: monotonic milliseconds. */
  take(now: number): boolean {
    const second = Math.floor(now / 1_000);
    if (second !== this.#second) {
      this.#second = second;
      this.#taken = 0;
    }
    if (this.#taken >= this.#perSecond) return false;
    this.#taken += 1;
    return true;
  }
}

/** Passes items on in order, within a budget; those beyond it wait. Whoever adds them bounds how many. */
export class WaitingLine<T> {
  readonly #budget: Budget;
  readonly #pass: (item: T) => void;
  readonly #now: () => number;
  readonly #waiting = new Fifo<T>();
  #timer: NodeJS.Timeout | null = null;

  /** `now` is a monotonic clock in milliseconds. */
  constructor(budget: Budget, pass: (item: T) => void, now: () => number) {
    this.#budget = budget;
    this.#pass = pass;
    this.#now = now;
  }

  add(item: T): void {
    this.#waiting.push(item);
    if (this.#timer === null) this.#passOn();
  }

  /** Passes nothing on any more; returns what waits. */
  close(): readonly T[] {
    if (this.#timer !== null) clearTimeout(this.#timer);
    return this.#waiting.take(() => true);
  }

  #passOn(): void {
    this.#timer = null;
    while (this.#waiting.peek() !== undefined && this.#budget.take(this.#now())) {
      const item = this.#waiting.shift();
      if (item !== undefined) this.#pass(item);
    }
    if (this.#waiting.peek() === undefined) return;
    this.#timer = setTimeout(() => this.#passOn(), 1_000 - (this.#now() % 1_000)).unref();
  }
}
