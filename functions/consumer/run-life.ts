import { Ending } from "./ending.ts";

interface Bounds {
  /** Monotonic milliseconds. */
  readonly startedAt: number;
  /** Between heartbeats, and before the first. */
  readonly budgetMs: number;
  /** In all; null: no limit. */
  readonly maxRunMs: number | null;
  readonly now: () => number;
  /** Milliseconds since 1970. */
  readonly wallNow: () => number;
}

/** How long a run may go on. */
export class RunLife {
  readonly ending = new Ending();
  readonly #bounds: Bounds;
  #dueAt: number;

  constructor(bounds: Bounds) {
    this.#bounds = bounds;
    this.#dueAt = this.#bounded(bounds.startedAt);
  }

  /** By the clock on the wall, which may be set meanwhile: worked out when asked for. */
  get deadline(): Date {
    const { now, wallNow } = this.#bounds;
    return new Date(wallNow() + this.#dueAt - now());
  }

  /** Milliseconds it may take in all, heartbeats so far counted. */
  get allowedMs(): number {
    return this.#dueAt - this.#bounds.startedAt;
  }

  heartbeat(): void {
    this.#dueAt = Math.max(this.#dueAt, this.#bounded(this.#bounds.now()));
  }

  isOver(now: number): boolean {
    return now >= this.#dueAt;
  }

  #bounded(from: number): number {
    const { startedAt, budgetMs, maxRunMs } = this.#bounds;
    return maxRunMs === null ? from + budgetMs : Math.min(from + budgetMs, startedAt + maxRunMs);
  }
}
