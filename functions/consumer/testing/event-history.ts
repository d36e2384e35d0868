/** Decides whether an event is the one that is waited for. */
type Matches<E> = (event: E) => boolean;

interface Waiter<E> {
  readonly matches: Matches<E>;
  readonly resolve: (event: E) => void;
}

/** Nothing that was waited for happened in time; the message says what did. */
class WaitTimeoutError extends Error {
  override readonly name = "WaitTimeoutError";
  readonly code = "WAIT_TIMEOUT";
}

const MOST_TOLD = 20;

/** The latest events, and who waits for one: also for one that has happened already. */
export class EventHistory<E> {
  readonly #most: number;
  readonly #events: E[] = [];
  readonly #waiters = new Set<Waiter<E>>();

  constructor(most: number) {
    this.#most = most;
  }

  get events(): readonly E[] {
    return this.#events;
  }

  add(event: E): void {
    this.#events.push(event);
    if (this.#events.length > this.#most) this.#events.shift();
    for (const waiter of this.#waiters) if (waiter.matches(event)) this.#settle(waiter, event);
  }

  /** Looks at everything again: what is known about past events has changed. */
  again(): void {
    for (const waiter of this.#waiters) {
      const event = this.#events.find(waiter.matches);
      if (event !== undefined) this.#settle(waiter, event);
    }
  }

  /** Resolves with the first event in the history that matches, or the next one; rejects with `WaitTimeoutError`. */
  async waitFor(matches: Matches<E>, timeoutMs: number): Promise<E> {
    const past = this.#events.find(matches);
    if (past !== undefined) return past;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiters.delete(waiter);
        reject(new WaitTimeoutError(`nothing of the kind in ${timeoutMs} ms; ${this.#told()}`));
      }, timeoutMs);
      const waiter: Waiter<E> = {
        matches,
        resolve: (event) => {
          clearTimeout(timer);
          resolve(event);
        },
      };
      this.#waiters.add(waiter);
    });
  }

  #settle(waiter: Waiter<E>, event: E): void {
    this.#waiters.delete(waiter);
    waiter.resolve(event);
  }

  #told(): string {
    if (this.#events.length === 0) return "nothing happened at all";
    const lines = this.#events.slice(-MOST_TOLD).map((event) => `  ${JSON.stringify(event)}`);
    return `the last of ${this.#events.length} events:\n${lines.join("\n")}`;
  }
}
