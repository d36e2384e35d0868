import type { Run } from "./run.ts";

/**
 * The runs under way. An array in which each knows its place: a Set that is added to and deleted from without end leaves
 * a chain of outgrown tables behind that keep ended runs alive (see `ReplyInbox`).
 */
export class RunningSet {
  readonly #runs: Run[] = [];

  add(run: Run): void {
    run.slot = this.#runs.length;
    this.#runs.push(run);
  }

  delete(run: Run): void {
    const last = this.#runs.pop();
    if (last === undefined || last === run) return;
    this.#runs[run.slot] = last;
    last.slot = run.slot;
  }

  get size(): number {
    return this.#runs.length;
  }

  /** A copy: what is done to the runs may end them. */
  all(): readonly Run[] {
    return [...this.#runs];
  }
}
