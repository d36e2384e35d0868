import { hash } from "node:crypto";

/** When a proven credential may be believed without looking again: `notBeforeMs <= now < expiresMs`, Unix milliseconds. */
export interface Validity {
  readonly notBeforeMs: number;
  readonly expiresMs: number;
}

/**
 * A bounded memory of credentials that were proven, the least recently used forgotten first. It holds positive verdicts
 * only: a refused credential costs its sender a check each time, and cannot push out what is good. Nor may a good one that
 * can be written in many ways: a v1 certificate is kept once its holder has signed a message with it.
 */
export class CredentialCache<T extends Validity> {
  readonly #entries = new Map<string, T>();
  readonly #maxEntries: number;
  #hits = 0;
  #misses = 0;

  constructor(maxEntries: number) {
    this.#maxEntries = maxEntries;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Times that a credential was found. */
  get hits(): number {
    return this.#hits;
  }

  /** Times that it had to be proven. */
  get misses(): number {
    return this.#misses;
  }

  get(key: string, nowMs: number): T | undefined {
    const entry = this.#valid(key, nowMs);
    if (entry === undefined) this.#misses += 1;
    else this.#hits += 1;
    return entry;
  }

  set(key: string, entry: T): void {
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    if (this.#entries.size <= this.#maxEntries) return;
    const oldest = this.#entries.keys().next();
    if (!oldest.done) this.#entries.delete(oldest.value);
  }

  #valid(key: string, nowMs: number): T | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    if (nowMs >= entry.expiresMs) return undefined;
    this.#entries.set(key, entry);
    return nowMs >= entry.notBeforeMs ? entry : undefined;
  }
}

/** The cache key of a certificate or token text: neither is kept in memory for it. */
export function credentialKey(text: string): string {
  return hash("sha256", text, "base64");
}
