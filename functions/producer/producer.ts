import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { parseConfig } from "../../shared/config/load.ts";
import type { Environment } from "../../shared/config/parse/variables.ts";
import { ConfigError } from "../../shared/config/problem.ts";
import { connectionSettings } from "../../shared/config/resolve.ts";
import { type Channel, makeChannel, REPLY_TIMEOUT_MS } from "../../shared/jetstream/channel.ts";
import { clockOffset } from "../../shared/jetstream/clock-offset.ts";
import { openConnection, watchConnection } from "../../shared/jetstream/connect.ts";
import { publishTogether } from "../../shared/jetstream/publish-once.ts";
import { type Encoded, issuesText } from "../../shared/jobs/document.ts";
import { EnqueueError, factsOfFailure } from "./enqueue-error.ts";
import { isPulled, publicationOf, type QueueTarget, queueTarget, subjectOf } from "./queue.ts";

// This file is the package's public entry point "choria-bridge/producer".
export { EnqueueError, type EnqueueFailure } from "./enqueue-error.ts";

/** Where a producer learns about its queue. */
export type ProducerOptions = ProducerSource & {
  /** Name in `jobs`. */
  readonly job: string;
  /** For `${NAME}` in the configuration; pass `process.env` when it has any. */
  readonly env?: Environment;
};

/** The configuration of the workers: a file, or its text, whose files are then relative to the current folder. */
type ProducerSource =
  | { readonly configFile: string; readonly config?: never }
  | { readonly config: string; readonly configFile?: never };

/** What checks a payload: a handler made with defineHandler or defineBatchHandler. */
export interface Enqueueable<P> {
  writeInput(payload: P): Encoded | Promise<Encoded>;
  /** Names what must stay in order, where that is not the sender. */
  readonly key?: unknown;
}

export interface EnqueueOptions {
  /**
   * Becomes the message's sender: the sender's place in the subject, its partition, and what an ordered job keeps in order.
   */
  readonly key?: string;
  /** How long the message waits before it is in the queue. */
  readonly delayMs?: number;
  /** The same id again, within the stream's duplicate window, enqueues nothing. Default: a random one. */
  readonly id?: string;
}

/** The stream has the message. */
export interface EnqueueReceipt {
  readonly id: string;
  /** The stream had the id already, and nothing new was stored. */
  readonly duplicate: boolean;
  /** In the job's stream; of a delayed message in the stream in which it waits. */
  readonly sequence: number;
}

const MOST_ID_CHARACTERS = 256;
const OFFSET_HOLDS_MS = 60_000;

/**
 * Opens a producer for one job. Rejects with `ConfigError`, `ConnectError`, or a RangeError for a job that is not there.
 * Streams are not made: a worker does that, or `choria-bridge streams`.
 */
export async function openProducer(options: ProducerOptions): Promise<Producer> {
  const { file, text } = sourceOf(options);
  const config = parseConfig(text, file, options.env ?? {});
  const target = queueTarget(config, options.job);
  const folder = dirname(resolve(file));
  const files = { file, read: (name: string) => readFileSync(resolve(folder, name), "utf8") };
  const connection = await openConnection(connectionSettings(config, target.connection, files), "producer");
  return new Producer(
    makeChannel(connection, REPLY_TIMEOUT_MS, () => performance.now()),
    target,
  );
}

function sourceOf({ configFile, config }: ProducerSource): { readonly file: string; readonly text: string } {
  if (configFile !== undefined) return { file: configFile, text: readConfig(configFile) };
  return { file: "configuration", text: config };
}

function readConfig(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message : String(cause);
    const fix = "name a readable YAML file";
    throw new ConfigError([{ file, path: "", value: "", problem, fix }], { cause });
  }
}

/** Puts messages into the queue of one job, and waits until the stream has each. */
export class Producer implements AsyncDisposable {
  readonly #channel: Channel;
  readonly #target: QueueTarget;
  #offset: Promise<number> = Promise.resolve(0);
  #offsetUntil = Number.NEGATIVE_INFINITY;

  /** Made by `openProducer`. */
  constructor(channel: Channel, target: QueueTarget) {
    this.#channel = channel;
    this.#target = target;
    const { replies } = channel;
    const onReconnect = (): void => replies.abandon(); // what was asked of the old connection is never answered
    const events = { onDisconnect: () => {}, onReconnect, onError: () => {} };
    void watchConnection(channel.connection, events, () => performance.now());
  }

  /**
   * Checks the payload as the handler will, stores it and resolves with the stream's receipt; rejects with an
   * `EnqueueError`. Many calls may be under way at once.
   */
  async enqueue<P>(
    handler: Enqueueable<P>,
    payload: NoInfer<P>,
    options: EnqueueOptions = {},
  ): Promise<EnqueueReceipt> {
    const { key = "", delayMs = 0, id = randomUUID() } = options;
    checkOptions(options, id, delayMs);
    checkHandler(handler);
    const encoded = await handler.writeInput(payload);
    if (!encoded.ok) throw invalid(id, encoded.issues);
    this.#checkKey(handler, key, id);
    const dueAtMs = delayMs > 0 ? (await this.#serverNow()) + Math.ceil(delayMs) : null;
    this.#checkPulled(id, subjectOf(this.#target, key));
    const publication = publicationOf(this.#target, { id, key, body: encoded.body, dueAtMs });
    const result = await publishTogether(this.#channel, publication);
    if (result.stored) return { id, duplicate: result.duplicate, sequence: result.sequence };
    const message = `job "${this.#target.job}": ${result.failure}: ${result.detail}`;
    throw new EnqueueError(message, { id, ...factsOfFailure(result.failure) });
  }

  /** Ends it; call it when every `enqueue` has settled: those under way are no longer answered. */
  async close(): Promise<void> {
    const { connection, replies } = this.#channel;
    if (!connection.isClosed()) await connection.flush().catch(() => {});
    if (!connection.isClosed()) replies.close();
    await connection.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Delays end by the server's clock, whatever this machine's says; without a way to ask, by this machine's. */
  async #serverNow(): Promise<number> {
    const now = Date.now();
    if (now > this.#offsetUntil) {
      this.#offset = clockOffset(this.#channel.connection, Date.now).then((found) => found?.offsetMs ?? 0);
      this.#offsetUntil = now + OFFSET_HOLDS_MS;
    }
    return Date.now() + (await this.#offset);
  }

  /** Without a key all messages of an ordered job would be one key's, one at a time. */
  #checkKey<P>(handler: Enqueueable<P>, key: string, id: string): void {
    if (key !== "" || !this.#target.ordered || typeof handler.key === "function") return;
    const problem = "it keeps an order per key, and the message has none";
    throw new EnqueueError(`job "${this.#target.job}": ${problem}`, { id, code: "ENQUEUE_REFUSED", retryable: false });
  }

  #checkPulled(id: string, subject: string): void {
    const { job, filter } = this.#target;
    if (isPulled(this.#target, subject)) return;
    const problem = `its filter ${filter} does not cover ${subject}, where this key puts the message`;
    throw new EnqueueError(`job "${job}": ${problem}`, { id, code: "ENQUEUE_REFUSED", retryable: false });
  }
}

const OPTIONS: ReadonlySet<string> = new Set(["key", "delayMs", "id"] satisfies (keyof EnqueueOptions)[]);

function checkHandler(handler: unknown): void {
  const known = typeof handler === "object" && handler !== null && "writeInput" in handler;
  if (!known) throw new TypeError("enqueue: the first argument is no handler made by defineHandler");
}

function checkOptions(options: EnqueueOptions, id: string, delayMs: number): void {
  const unknown = Object.keys(options).filter((name) => !OPTIONS.has(name));
  if (unknown.length > 0)
    throw new RangeError(`enqueue: unknown option ${unknown.join(", ")}; there are ${[...OPTIONS].join(", ")}`);
  if (!(Number.isFinite(delayMs) && delayMs >= 0)) throw new RangeError(`enqueue: ${delayMs} is not a delay`);
  if (id === "" || id.length > MOST_ID_CHARACTERS || /[^\x21-\x7e]/.test(id)) {
    throw new RangeError(`enqueue: an id is 1 to ${MOST_ID_CHARACTERS} visible ASCII characters`);
  }
}

function invalid(id: string, issues: EnqueueError["issues"]): EnqueueError {
  return new EnqueueError(`the payload does not fit: ${issuesText(issues)}`, {
    id,
    code: "ENQUEUE_INVALID",
    retryable: false,
    issues,
  });
}
