/** Picks which of many events of a kind are logged: a flood of them must not become a flood of lines. */
export class LogSample {
  readonly #everyMs: number;
  readonly #last = new Map<string, { readonly at: number; suppressed: number }>();

  /** One of each kind in so many milliseconds. */
  constructor(everyMs: number) {
    this.#everyMs = everyMs;
  }

  /** How many of this kind were left out since the last line, or null when this one is to be left out too. */
  take(kind: string, now: number): number | null {
    const last = this.#last.get(kind);
    if (last !== undefined && now - last.at < this.#everyMs) {
      last.suppressed += 1;
      return null;
    }
    this.#last.set(kind, { at: now, suppressed: 0 });
    return last?.suppressed ?? 0;
  }
}
