import { type KV, type NatsConnection, StorageType } from "nats";
import { errCodeOf, STREAM_NOT_FOUND, unlessMissing } from "./api-error.ts";

/** A key-value bucket as it should be. */
export interface BucketSpec {
  readonly name: string;
  readonly storage: "file" | "memory";
  readonly replicas: number;
  /** 0: entries stay. */
  readonly maxAgeMs: number;
}

export interface BucketEntry {
  readonly text: string;
  readonly revision: number;
  /** When the server stored it, milliseconds since 1970 by its clock. */
  readonly storedAtMs: number;
}

interface SubjectsReply {
  /** Of subjects; an answer holds the first 100,000 from its offset. */
  readonly total?: number;
  readonly state?: { readonly subjects?: Readonly<Record<string, number>> };
  readonly error?: { readonly description?: string };
}

const WRONG_LAST_SEQUENCE = 10071;
const TIMEOUT_MS = 5_000;

/** The stream behind a bucket. */
function bucketStream(name: string): string {
  return `KV_${name}`;
}

/**
 * One bucket. Reads ask the leader: a mark that was just written must be seen, and a copy may lag behind. Every call rejects
 * with the client's error when the server does not answer.
 */
export class Bucket {
  readonly name: string;
  readonly #kv: KV;
  readonly #connection: NatsConnection;
  /** Null: it was only looked for. */
  readonly #spec: BucketSpec | null;

  private constructor(connection: NatsConnection, name: string, kv: KV, spec: BucketSpec | null) {
    this.#connection = connection;
    this.name = name;
    this.#kv = kv;
    this.#spec = spec;
  }

  /** Makes the bucket when it is missing; one that exists is taken as it is. */
  static async open(connection: NatsConnection, spec: BucketSpec): Promise<Bucket> {
    const kv = await connection.jetstream({ timeout: TIMEOUT_MS }).views.kv(spec.name, {
      history: 1,
      ttl: spec.maxAgeMs,
      storage: spec.storage === "file" ? StorageType.File : StorageType.Memory,
      replicas: spec.replicas,
      allow_direct: false,
    });
    return new Bucket(connection, spec.name, kv, spec);
  }

  /** The bucket, or null when there is none: for those who only look. */
  static async find(connection: NatsConnection, name: string): Promise<Bucket | null> {
    const js = connection.jetstream({ timeout: TIMEOUT_MS });
    const jsm = await js.jetstreamManager();
    if ((await unlessMissing(STREAM_NOT_FOUND, () => jsm.streams.info(bucketStream(name)))) === null) return null;
    return new Bucket(connection, name, await js.views.kv(name, { bindOnly: true }), null);
  }

  /** The client's view of the bucket, for watching. */
  get kv(): KV {
    return this.#kv;
  }

  async get(key: string): Promise<BucketEntry | null> {
    const entry = await this.#kv.get(key);
    if (entry === null || entry.operation !== "PUT") return null;
    return { text: entry.string(), revision: entry.revision, storedAtMs: entry.created.getTime() };
  }

  /**
   * The keys that are there and match, a key with a marker among them. Asked as counts, since the client's own listing waits
   * for ever for an entry that is removed while it reads.
   */
  async keys(pattern = ">"): Promise<readonly string[]> {
    const prefix = `$KV.${this.name}.`;
    const keys: string[] = [];
    for (;;) {
      const request = JSON.stringify({ subjects_filter: `${prefix}${pattern}`, offset: keys.length });
      const subject = `$JS.API.STREAM.INFO.${bucketStream(this.name)}`;
      const reply = await this.#connection.request(subject, request, { timeout: TIMEOUT_MS });
      const { total = 0, state, error } = reply.json<SubjectsReply>();
      if (error !== undefined) throw new Error(`bucket ${this.name}: ${error.description}`);
      const page = Object.keys(state?.subjects ?? {});
      keys.push(...page.map((found) => found.slice(prefix.length)));
      if (page.length === 0 || keys.length >= total) return keys;
    }
  }

  /** Writes over whatever is there; resolves with the revision. */
  put(key: string, text: string): Promise<number> {
    return this.#kv.put(key, text);
  }

  /** `revision` 0: the key must not exist. Resolves with the new revision; null when somebody else was faster. */
  async swap(key: string, text: string, revision: number): Promise<number | null> {
    try {
      return revision === 0 ? await this.#kv.create(key, text) : await this.#kv.update(key, text, revision);
    } catch (error) {
      if (errCodeOf(error) === WRONG_LAST_SEQUENCE) return null;
      throw error;
    }
  }

  /**
   * As `swap`, and makes a bucket that is gone anew, empty: one in memory does not outlive its server. For what is better
   * forgotten than waited for.
   */
  async swapAnew(key: string, text: string, revision: number): Promise<number | null> {
    try {
      return await this.swap(key, text, revision);
    } catch (error) {
      if (this.#spec === null || !isUnanswered(error)) throw error;
      await Bucket.open(this.#connection, this.#spec);
      return this.swap(key, text, revision);
    }
  }

  /** Removes an entry and leaves no marker behind. Null: whatever revision is there. */
  async remove(key: string, revision: number | null): Promise<void> {
    const found = revision ?? (await this.get(key))?.revision;
    if (found === undefined) return;
    const request = JSON.stringify({ seq: found, no_erase: true });
    await this.#connection.request(`$JS.API.STREAM.MSG.DELETE.${bucketStream(this.name)}`, request, {
      timeout: TIMEOUT_MS,
    });
  }
}

/** Nobody listens where the bucket should be; a stream that is full says 503 too, and loses nothing by being opened again. */
function isUnanswered(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "503";
}
