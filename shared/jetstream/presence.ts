import type { Bucket } from "./buckets.ts";

interface Heard {
  readonly revision: number;
  /** By this process's clock. */
  readonly atMs: number;
}

/**
 * Which workers do the same work. Each writes now and then that it lives; one is alive while what it wrote changes, by the
 * clock of whoever looks.
 */
export class Presence {
  readonly #bucket: Bucket;
  /** As `order.<job>`. */
  readonly #topic: string;
  readonly #worker: string;
  readonly #heard = new Map<string, Heard>();

  constructor(bucket: Bucket, { topic, worker }: { topic: string; worker: string }) {
    this.#bucket = bucket;
    this.#topic = topic;
    this.#worker = worker;
  }

  /** Says that this worker lives. Rejects when the server does not answer. */
  async announce(atMs: number): Promise<void> {
    await this.#bucket.put(`${this.#topic}.${this.#worker}`, JSON.stringify({ at: Math.round(atMs) }));
  }

  /** Says that it is gone; if that fails, its silence does. Never rejects. */
  withdraw(): Promise<void> {
    return this.#bucket.remove(`${this.#topic}.${this.#worker}`, null).catch(() => {});
  }

  /** Those who have written within `withinMs`. One seen for the first time counts as alive. Rejects as `announce`. */
  async alive(withinMs: number, nowMs: number): Promise<readonly string[]> {
    const prefix = `${this.#topic}.`;
    const workers = (await this.#bucket.keys(`${prefix}*`)).map((key) => key.slice(prefix.length));
    for (const known of this.#heard.keys()) if (!workers.includes(known)) this.#heard.delete(known);
    await Promise.all(workers.map((worker) => this.#hear(worker, nowMs)));
    return workers.filter((worker) => nowMs - (this.#heard.get(worker)?.atMs ?? Number.NEGATIVE_INFINITY) < withinMs);
  }

  async #hear(worker: string, nowMs: number): Promise<void> {
    const entry = await this.#bucket.get(`${this.#topic}.${worker}`);
    if (entry === null) this.#heard.delete(worker);
    else if (this.#heard.get(worker)?.revision !== entry.revision) {
      this.#heard.set(worker, { revision: entry.revision, atMs: nowMs });
    }
  }
}
