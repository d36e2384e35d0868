import type { StoredInput } from "./message.ts";

/** A run under way, of one message or of a batch. */
export interface Running {
  /** Kept by `RunningSet`. */
  slot: number;
  /** Ends it early: what it was given is to be given back. */
  stop(): void;
  /** Ends it if its time is over. */
  expire(now: number): void;
  /** Ends it for a message whose lease is lost: whatever it says of it is ignored. Nothing when it holds another. */
  lose(error: Error, delivery: StoredInput): void;
}

/**
 * The runs under way. An array in which each knows its place: a Set that is added to and deleted from without end leaves
 * a chain of outgrown tables behind that keep ended runs alive (see `ReplyInbox`).
 */
export class RunningSet {
  readonly #runs: Running[] = [];

  add(run: Running): void {
    run.slot = this.#runs.length;
    this.#runs.push(run);
  }

  delete(run: Running): void {
    const last = this.#runs.pop();
    if (last === undefined || last === run) return;
    this.#runs[run.slot] = last;
    last.slot = run.slot;
  }

  get size(): number {
    return this.#runs.length;
  }

  /** A copy: what is done to the runs may end them. */
  all(): readonly Running[] {
    return [...this.#runs];
  }
}
