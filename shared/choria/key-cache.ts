import type { KeyObject } from "node:crypto";

/**
 * The keys that were used last. A `KeyObject` takes some 2 kB outside the heap, so a remembered credential holds its key's
 * bytes, and an object is made of them when a message needs it (10 microseconds, RSA and ed25519).
 */
export class KeyCache {
  readonly #keys = new Map<string, KeyObject>();
  readonly #maxKeys: number;
  readonly #make: (bytes: Buffer) => KeyObject;

  constructor(maxKeys: number, make: (bytes: Buffer) => KeyObject) {
    this.#maxKeys = maxKeys;
    this.#make = make;
  }

  get(bytes: Buffer): KeyObject {
    const name = bytes.toString("latin1");
    const known = this.#keys.get(name);
    if (known !== undefined) this.#keys.delete(name);
    const key = known ?? this.#make(bytes);
    this.#keys.set(name, key); // the last one now
    if (this.#keys.size > this.#maxKeys) this.#forgetFirst();
    return key;
  }

  #forgetFirst(): void {
    const first = this.#keys.keys().next();
    if (!first.done) this.#keys.delete(first.value);
  }
}
