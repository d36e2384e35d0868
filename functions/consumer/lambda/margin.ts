import { SHARE_FOR_CONSUMERS } from "../drain.ts";
import { SHARE_FOR_RUNS } from "../job-consumer.ts";

/** Runs that count: the latest ones, so that a change is learned within an invocation or two. */
const RUNS = 512;
const SHARE = 0.99;
/** For giving back, settling and asking what is left, beside the runs. */
const SETTLE_MS = 500;
/** How long before its end a drain takes no more messages: learned from how long the handlers' latest runs took. */
export class EndMargin {
  readonly #runs: number[] = [];
  #next = 0;

  /** A run that ended; milliseconds. */
  observe(runMs: number): void {
    this.#runs[this.#next] = runMs;
    this.#next = (this.#next + 1) % RUNS;
  }

  /** Milliseconds; undefined until something has run. */
  get endMs(): number | undefined {
    if (this.#runs.length === 0) return undefined;
    const ascending = [...this.#runs].sort((a, b) => a - b);
    const p99 = ascending[Math.ceil(ascending.length * SHARE) - 1] ?? 0;
    return Math.ceil((p99 + SETTLE_MS) / (SHARE_FOR_CONSUMERS * SHARE_FOR_RUNS));
  }
}
