import { headers as makeHeaders, type NatsConnection } from "nats";
import { StandingSubscription } from "./standing.ts";

/** What stands in the bucket about a lease: who holds it, and how its holder takes messages. */
export interface LeaseRecord {
  /** Unique per process; empty when the lease was given up. */
  readonly worker: string;
  /** For people. */
  readonly host: string;
  /** Grows with every change of hands. */
  readonly epoch: number;
  /** The durable its holder pulls from; empty when there is none. */
  readonly consumer: string;
  /** Messages up to this stream sequence may have been handed to a run before. */
  readonly deliveredUpTo: number;
  /** RFC 3339, for people: clocks of hosts are never compared. */
  readonly at: string;
}

/** A record and the revision of the bucket that wrote it. */
export interface StoredLease {
  readonly record: LeaseRecord;
  readonly revision: number;
}

export const NO_LEASE: StoredLease = {
  record: { worker: "", host: "", epoch: 0, consumer: "", deliveredUpTo: 0, at: "" },
  revision: 0,
};

interface ApiReply {
  readonly error?: { readonly err_code?: number; readonly description?: string };
  readonly seq?: number;
  readonly message?: { readonly seq: number; readonly data?: string };
}

const WRONG_LAST_SEQUENCE = 10071;
const NO_MESSAGE_FOUND = 10037;

/**
 * Leases in a key-value bucket, by raw requests: each has a limit of its own, which the client's KV does not offer, and
 * reads are answered by the leader, never by a replica that lags.
 */
export class LeaseStore {
  readonly #connection: NatsConnection;
  readonly #bucket: string;
  readonly #timeoutMs: number;

  constructor(connection: NatsConnection, bucket: string, timeoutMs: number) {
    this.#connection = connection;
    this.#bucket = bucket;
    this.#timeoutMs = timeoutMs;
  }

  /** `NO_LEASE` when there is no record. Rejects when the server does not answer. */
  async read(key: string): Promise<StoredLease> {
    const request = JSON.stringify({ last_by_subj: this.#subjectOf(key) });
    const { message, error } = await this.#request(`$JS.API.STREAM.MSG.GET.KV_${this.#bucket}`, request);
    if (error?.err_code === NO_MESSAGE_FOUND) return NO_LEASE;
    if (message === undefined) throw new Error(`bucket ${this.#bucket}: ${error?.description ?? "no answer"}`);
    return { record: readRecord(Buffer.from(message.data ?? "", "base64")), revision: message.seq };
  }

  /**
   * Writes if nobody else has since `revision` (0: nobody ever); the new revision, or null when somebody has. Rejects when
   * the server does not answer: then it may be written or not.
   */
  async write(key: string, record: LeaseRecord, revision: number): Promise<number | null> {
    const headers = makeHeaders();
    headers.append("Nats-Expected-Last-Subject-Sequence", String(revision));
    const { error, seq } = await this.#request(this.#subjectOf(key), JSON.stringify(record), headers);
    if (error?.err_code === WRONG_LAST_SEQUENCE) return null;
    if (seq === undefined) throw new Error(`bucket ${this.#bucket}: ${error?.description ?? "no answer"}`);
    return seq;
  }

  /** Calls back soon after a lease below `topic` was given up; a hint, that may be missed. Returns the function that ends it. */
  onGivenUp(topic: string, callback: () => void): () => void {
    const subject = this.#subjectOf(`${topic}.*`);
    const subscription = new StandingSubscription(this.#connection, { subject }, ({ data }) => {
      if (readRecord(data).worker === "") callback();
    });
    return () => subscription.close();
  }

  #subjectOf(key: string): string {
    return `$KV.${this.#bucket}.${key}`;
  }

  async #request(subject: string, body: string, headers = makeHeaders()): Promise<ApiReply> {
    const reply = await this.#connection.request(subject, body, { timeout: this.#timeoutMs, headers });
    return reply.json<ApiReply>();
  }
}

/** A record that somebody damaged or deleted by hand counts as given up. */
function readRecord(data: Uint8Array): LeaseRecord {
  const { worker, host, epoch, consumer, deliveredUpTo, at } = fieldsOf(data);
  return {
    worker: typeof worker === "string" ? worker : "",
    host: typeof host === "string" ? host : "",
    epoch: Number.isSafeInteger(epoch) ? Number(epoch) : 0,
    consumer: typeof consumer === "string" ? consumer : "",
    deliveredUpTo: Number.isSafeInteger(deliveredUpTo) ? Number(deliveredUpTo) : 0,
    at: typeof at === "string" ? at : "",
  };
}

function fieldsOf(data: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(data).toString("utf8"));
    return typeof parsed === "object" && parsed !== null ? { ...parsed } : {};
  } catch {
    return {};
  }
}
