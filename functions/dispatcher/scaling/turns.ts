/** A job of which Lambda runs nothing, because drains of others take all that may run of its function. */
export interface Refused {
  /** Starts a drain now if there is need of one. False: there was none. */
  tryNow(): boolean;
}

/**
 * The jobs of one function that wait for their turn. Whoever runs starts anew sooner than a pause is over, so without
 * turns a job might be refused for ever.
 */
export class Turns {
  readonly #waiting = new Set<Refused>();

  wait(job: Refused): void {
    this.#waiting.add(job);
  }

  /** A drain ended, so another one may run: it is the turn of whoever waits longest. */
  next(): void {
    for (const job of this.#waiting) {
      this.#waiting.delete(job);
      if (job.tryNow()) return;
    }
  }
}
