/** How fast runs may start. */
export interface RateLimit {
  readonly perSecond: number;
  /** Runs that may start at once after a pause. */
  readonly burst: number;
}

/** A token bucket: `take` says how long to wait for the token it has given out, so that waiters keep their order. */
export class TokenBucket {
  readonly #msPerToken: number;
  readonly #burst: number;
  /** When the bucket, emptied by what was given out, would be full again. */
  #fullAt = Number.NEGATIVE_INFINITY;

  constructor({ perSecond, burst }: RateLimit) {
    this.#msPerToken = 1_000 / perSecond;
    this.#burst = burst;
  }

  /** `now`: monotonic milliseconds. Milliseconds to wait; 0: go. */
  take(now: number): number {
    this.#fullAt = Math.max(this.#fullAt, now) + this.#msPerToken;
    return Math.max(0, this.#fullAt - now - this.#burst * this.#msPerToken);
  }
}
