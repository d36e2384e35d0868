import { hash } from "node:crypto";
import { Cells, MOST_RECORD_BYTES } from "./cells.ts";

/** When a proven credential may be believed without looking again: `notBeforeMs <= now < expiresMs`, Unix milliseconds. */
export interface Validity {
  readonly notBeforeMs: number;
  readonly expiresMs: number;
}

/** A certificate or token as it came, and the SHA-256 that it is remembered by, a character for each byte. */
export interface Credential {
  readonly text: string;
  readonly digest: string;
}

/**
 * How a credential is remembered: as bytes, for a fleet has hundreds of thousands, and only what cannot be taken from its
 * text, which comes again with every message. What `read` makes equals what was written.
 */
export interface CompactForm<T> {
  write(entry: T, text: string): Buffer;
  /** `text`: the very one that it was written with. */
  read(bytes: Buffer, text: string): T;
}

/** Of slots, which begin with 1. */
const NONE = 0;
/** SHA-256, a character for each byte. */
const DIGEST_LENGTH = 32;
/** The bytes of a digest that choose its bucket. */
const BUCKET_BYTES = [0, 1, 2, 3];

/**
 * A bounded memory of credentials that were proven, the least recently used forgotten first. It holds positive verdicts
 * only: a refused credential costs its sender a check each time, and cannot push out what is good. Nor may a good one that
 * can be written in many ways: a v1 certificate is kept once its holder has signed a message with it.
 *
 * A hash table of chains and a list by use, both in arrays of slot numbers. A Map in order of use would be rebuilt again and
 * again (tens of milliseconds at this size) and needs twice the memory. Who grinds digests for one chain, each of them proven
 * and signed for, slows down nothing but the messages of that chain.
 */
export class CredentialCache<T extends Validity> {
  readonly #maxEntries: number;
  readonly #form: CompactForm<T>;
  /** The digest of each, then the form's bytes. */
  readonly #cells = new Cells();
  /** By slot: the place of its record. */
  readonly #places: Int32Array;
  /** By bucket: the first slot of its chain. Pages of the arrays that nothing is written to take no memory. */
  readonly #heads: Int32Array;
  /** By slot: the next of its chain. */
  readonly #next: Int32Array;
  readonly #older: Int32Array;
  readonly #newer: Int32Array;
  /** Slots that were emptied. */
  readonly #free: number[] = [];
  /** Slots that were ever taken. */
  #taken = 0;
  #oldest = NONE;
  #newest = NONE;
  #hits = 0;
  #misses = 0;

  constructor(maxEntries: number, form: CompactForm<T>) {
    this.#maxEntries = maxEntries;
    this.#form = form;
    this.#heads = new Int32Array(2 ** Math.ceil(Math.log2(maxEntries)));
    this.#places = new Int32Array(maxEntries + 1);
    this.#next = new Int32Array(maxEntries + 1);
    this.#older = new Int32Array(maxEntries + 1);
    this.#newer = new Int32Array(maxEntries + 1);
  }

  get size(): number {
    return this.#taken - this.#free.length;
  }

  /** Times that a credential was found. */
  get hits(): number {
    return this.#hits;
  }

  /** Times that it had to be proven. */
  get misses(): number {
    return this.#misses;
  }

  get(credential: Credential, nowMs: number): T | undefined {
    const entry = this.#valid(credential, nowMs);
    if (entry === undefined) this.#misses += 1;
    else this.#hits += 1;
    return entry;
  }

  /** What is too large to be remembered is proven each time. */
  set({ text, digest }: Credential, entry: T): void {
    const record = Buffer.concat([Buffer.from(digest, "latin1"), this.#form.write(entry, text)]);
    this.#remove(this.#find(digest));
    if (record.length > MOST_RECORD_BYTES) return;
    if (this.size >= this.#maxEntries) this.#remove(this.#oldest);
    const slot = this.#free.pop() ?? ++this.#taken;
    this.#places[slot] = this.#cells.put(record);
    const bucket = this.#bucket(digest);
    this.#next[slot] = this.#heads[bucket] ?? NONE;
    this.#heads[bucket] = slot;
    this.#append(slot);
  }

  #valid({ text, digest }: Credential, nowMs: number): T | undefined {
    const slot = this.#find(digest);
    if (slot === NONE) return undefined;
    const entry = this.#form.read(this.#cells.read(this.#place(slot)).subarray(DIGEST_LENGTH), text);
    if (nowMs >= entry.expiresMs) {
      this.#remove(slot);
      return undefined;
    }
    this.#unlink(slot);
    this.#append(slot);
    return nowMs >= entry.notBeforeMs ? entry : undefined;
  }

  #find(digest: string): number {
    let slot = this.#heads[this.#bucket(digest)] ?? NONE;
    while (slot !== NONE && this.#digest(slot) !== digest) slot = this.#next[slot] ?? NONE;
    return slot;
  }

  #remove(slot: number): void {
    if (slot === NONE) return;
    const bucket = this.#bucket(this.#digest(slot));
    const after = this.#next[slot] ?? NONE;
    let before = this.#heads[bucket] ?? NONE;
    if (before === slot) this.#heads[bucket] = after;
    else {
      while (this.#next[before] !== slot) before = this.#next[before] ?? NONE;
      this.#next[before] = after;
    }
    this.#unlink(slot);
    this.#cells.remove(this.#place(slot));
    this.#free.push(slot);
  }

  /** Makes it the most recently used. */
  #append(slot: number): void {
    this.#older[slot] = this.#newest;
    this.#newer[slot] = NONE;
    if (this.#newest === NONE) this.#oldest = slot;
    else this.#newer[this.#newest] = slot;
    this.#newest = slot;
  }

  #unlink(slot: number): void {
    const older = this.#older[slot] ?? NONE;
    const newer = this.#newer[slot] ?? NONE;
    if (older === NONE) this.#oldest = newer;
    else this.#newer[older] = newer;
    if (newer === NONE) this.#newest = older;
    else this.#older[newer] = older;
  }

  #digest(slot: number): string {
    return this.#cells.beginning(this.#place(slot), DIGEST_LENGTH);
  }

  #place(slot: number): number {
    return this.#places[slot] ?? NONE;
  }

  #bucket(digest: string): number {
    const number = BUCKET_BYTES.reduce((sum, at) => (sum << 8) | digest.charCodeAt(at), 0);
    return number & (this.#heads.length - 1);
  }
}

export function digested(text: string): Credential {
  return { text, digest: hash("sha256", text, "binary") };
}
