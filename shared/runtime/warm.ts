export interface Opening<T> {
  readonly open: () => Promise<T>;
  /** Whether it is still of use after the process stood still. */
  readonly thaw: (opened: T) => Promise<boolean>;
  /** For one that is replaced. */
  readonly close: (opened: T) => Promise<void>;
}

/** Something that outlives an invocation: opened when the process starts, checked before it is used again. */
export class Warm<T> {
  readonly #opening: Opening<T>;
  #kept: Promise<T> | null = null;

  constructor(opening: Opening<T>) {
    this.#opening = opening;
  }

  /** Opens it ahead of the first use, while a starting function has the CPU for it. A failure is told by `get`. */
  begin(): void {
    this.#kept = this.#opening.open();
    this.#kept.catch(() => {});
  }

  /** Rejects as `open` does; the next call tries again. */
  async get(): Promise<T> {
    const kept = this.#kept;
    try {
      if (kept !== null && (await this.#isUsable(await kept))) return await kept;
      this.#kept = this.#opening.open();
      return await this.#kept;
    } catch (error) {
      this.#kept = null;
      throw error;
    }
  }

  /** Between the start and the first invocation there may be a freeze too. */
  async #isUsable(opened: T): Promise<boolean> {
    // What the sockets have to say about the time of the freeze is heard in these two turns.
    for (let turn = 0; turn < 2; turn++) await new Promise(setImmediate);
    if (await this.#opening.thaw(opened)) return true;
    this.#opening.close(opened).catch(() => {}); // it is being replaced because it is of no use
    return false;
  }
}
