import type { NatsConnection } from "nats";
import type { Bucket } from "./buckets.ts";

interface StreamInfo {
  readonly state?: { readonly subjects?: Readonly<Record<string, number>> };
  readonly error?: { readonly description?: string };
}

interface Heard {
  readonly revision: number;
  /** By this process's clock. */
  readonly atMs: number;
}

const TIMEOUT_MS = 2_000;

/**
 * Which workers do the same work. Each writes now and then that it lives; one is alive while what it wrote changes, by the
 * clock of whoever looks.
 */
export class Presence {
  readonly #connection: NatsConnection;
  readonly #bucket: Bucket;
  /** As `order.<job>`. */
  readonly #topic: string;
  readonly #worker: string;
  readonly #heard = new Map<string, Heard>();

  constructor(connection: NatsConnection, bucket: Bucket, { topic, worker }: { topic: string; worker: string }) {
    this.#connection = connection;
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
    const workers = await this.#listed();
    for (const known of this.#heard.keys()) if (!workers.includes(known)) this.#heard.delete(known);
    await Promise.all(workers.map((worker) => this.#hear(worker, nowMs)));
    return workers.filter((worker) => nowMs - (this.#heard.get(worker)?.atMs ?? Number.NEGATIVE_INFINITY) < withinMs);
  }

  async #listed(): Promise<readonly string[]> {
    const prefix = `$KV.${this.#bucket.name}.${this.#topic}.`;
    const request = JSON.stringify({ subjects_filter: `${prefix}*` });
    const subject = `$JS.API.STREAM.INFO.KV_${this.#bucket.name}`;
    const reply = await this.#connection.request(subject, request, { timeout: TIMEOUT_MS });
    const { state, error } = reply.json<StreamInfo>();
    if (error !== undefined) throw new Error(`bucket ${this.#bucket.name}: ${error.description}`);
    return Object.keys(state?.subjects ?? {}).map((key) => key.slice(prefix.length));
  }

  async #hear(worker: string, nowMs: number): Promise<void> {
    const entry = await this.#bucket.get(`${this.#topic}.${worker}`);
    if (entry === null) this.#heard.delete(worker);
    else if (this.#heard.get(worker)?.revision !== entry.revision) {
      this.#heard.set(worker, { revision: entry.revision, atMs: nowMs });
    }
  }
}
