import type { BatchRules } from "../../shared/jobs/batch.ts";

/** Calls back after that many milliseconds; what it returns takes that back. */
export type After = (delayMs: number, callback: () => void) => () => void;

/** Gathers deliveries until they are as many as a batch holds, or the first of them has waited long enough. */
export class BatchCollector<T> {
  readonly #rules: BatchRules;
  readonly #after: After;
  readonly #onDue: (batch: readonly T[]) => void;
  #waiting: T[] = [];
  #cancel: (() => void) | null = null;

  /** `onDue` is given the batches that time completes. */
  constructor(rules: BatchRules, after: After, onDue: (batch: readonly T[]) => void) {
    this.#rules = rules;
    this.#after = after;
    this.#onDue = onDue;
  }

  get size(): number {
    return this.#waiting.length;
  }

  /** The batch that it completes, or null while there is room for more. */
  add(delivery: T): readonly T[] | null {
    this.#waiting.push(delivery);
    if (this.#waiting.length >= this.#rules.maxMessages) return this.take();
    if (this.#waiting.length === 1) this.#cancel = this.#after(this.#rules.maxWaitMs, () => this.#due());
    return null;
  }

  /** What has been gathered, complete or not: for a worker that stops, or a drain whose queue is empty. */
  take(): readonly T[] {
    this.#cancel?.();
    this.#cancel = null;
    const batch = this.#waiting;
    this.#waiting = [];
    return batch;
  }

  #due(): void {
    const batch = this.take();
    if (batch.length > 0) this.#onDue(batch);
  }
}
