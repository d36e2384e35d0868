/** What one measured process reports. */
export interface Measured {
  readonly messages: number;
  readonly seconds: number;
  /** User and system time of the measured process alone. */
  readonly cpuSeconds: number;
}

/** Counts messages and takes the clocks once the warm-up is over and again at the end. */
export class Meter {
  readonly #warmUp: number;
  readonly #total: number;
  #done = 0;
  #startedAt = 0;
  #cpuAtStart: NodeJS.CpuUsage = { user: 0, system: 0 };
  #finish: (measured: Measured) => void = () => {};
  readonly #onCount: (done: number) => void;
  readonly finished: Promise<Measured>;

  constructor(total: number, warmUp: number, onCount: (done: number) => void) {
    this.#onCount = onCount;
    this.#total = total;
    this.#warmUp = warmUp;
    this.finished = new Promise((resolve) => {
      this.#finish = resolve;
    });
  }

  count(): void {
    this.#done += 1;
    this.#onCount(this.#done);
    if (this.#done === this.#warmUp) {
      this.#startedAt = performance.now();
      this.#cpuAtStart = process.cpuUsage();
    }
    if (this.#done === this.#total) this.#stop();
  }

  #stop(): void {
    const { user, system } = process.cpuUsage(this.#cpuAtStart);
    this.#finish({
      messages: this.#total - this.#warmUp,
      seconds: (performance.now() - this.#startedAt) / 1_000,
      cpuSeconds: (user + system) / 1e6,
    });
  }
}
