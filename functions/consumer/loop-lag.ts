import { type IntervalHistogram, monitorEventLoopDelay } from "node:perf_hooks";

const RESOLUTION_MS = 20;
const READ_EVERY_MS = 1_000;
/** Readings that count: what held the loop up a while ago may do so again. */
const READINGS = 10;
const NS_PER_MS = 1_000_000;

/** How long the event loop was held up, at worst, during the last seconds: a held-up loop renews no leases. */
export class LoopLag {
  readonly #histogram: IntervalHistogram;
  readonly #timer: NodeJS.Timeout;
  readonly #readings: number[] = [];
  #worstMs = 0;

  constructor() {
    this.#histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
    this.#histogram.enable();
    this.#timer = setInterval(() => this.#read(), READ_EVERY_MS);
    this.#timer.unref();
  }

  /** Milliseconds. */
  get worstMs(): number {
    return this.#worstMs;
  }

  /** Forgets what was measured: a process that was frozen was not held up. */
  restart(): void {
    this.#histogram.reset();
    this.#readings.length = 0;
    this.#worstMs = 0;
  }

  close(): void {
    clearInterval(this.#timer);
    this.#histogram.disable();
  }

  #read(): void {
    // The histogram measures from one tick of its own timer to the next.
    this.#readings.push(Math.max(0, this.#histogram.max / NS_PER_MS - RESOLUTION_MS));
    if (this.#readings.length > READINGS) this.#readings.shift();
    this.#histogram.reset();
    this.#worstMs = Math.max(...this.#readings);
  }
}
