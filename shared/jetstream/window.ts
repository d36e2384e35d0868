/** Bounds what is under way at one time, by number and by weight, so that a long stream of work keeps its memory flat. */
export class Window {
  readonly #most: number;
  readonly #mostWeight: number;
  #count = 0;
  #weight = 0;
  #failure: { readonly error: unknown } | null = null;
  #changed: () => void = () => {};

  constructor(most: number, mostWeight: number) {
    this.#most = most;
    this.#mostWeight = mostWeight;
  }

  /** Starts the work once there is room for it. Rejects with what earlier work failed with, and starts nothing then. */
  async run(weight: number, work: () => Promise<void>): Promise<void> {
    while (this.#count > 0 && (this.#count >= this.#most || this.#weight + weight > this.#mostWeight)) {
      await this.#change();
    }
    this.#throwFailure();
    this.#count += 1;
    this.#weight += weight;
    void this.#follow(weight, work);
  }

  /** Resolves when nothing is under way. Rejects with what any work failed with, after all of it has ended. */
  async idle(): Promise<void> {
    while (this.#count > 0) await this.#change();
    this.#throwFailure();
  }

  async #follow(weight: number, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#failure ??= { error };
    }
    this.#count -= 1;
    this.#weight -= weight;
    this.#changed();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#changed = resolve;
    });
  }

  #throwFailure(): void {
    if (this.#failure !== null) throw this.#failure.error;
  }
}
