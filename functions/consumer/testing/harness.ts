import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseConfig } from "../../../shared/config/load.ts";
import { connectionSettings, deadLetterSpec } from "../../../shared/config/resolve.ts";
import type { Config } from "../../../shared/config/schema.ts";
import { browse, type StoredMessage } from "../../../shared/jetstream/browse.ts";
import { type Channel, makeChannel, REPLY_TIMEOUT_MS } from "../../../shared/jetstream/channel.ts";
import { openConnection } from "../../../shared/jetstream/connect.ts";
import { publishOnce } from "../../../shared/jetstream/publish-once.ts";
import { DEAD_HEADERS, JOB_HEADERS } from "../../../shared/jobs/headers.ts";
import { ensureNatsServer } from "../../../shared/nats-server/provision.ts";
import { type RunningServer, startServer } from "../../../shared/nats-server/run.ts";
import { compileTemplate } from "../../../shared/subjects/template.ts";
import { createLogger } from "../../../shared/telemetry/log.ts";
import type { JobEvent, SettledOutcome } from "../events.ts";
import type { AnyHandler } from "../job.ts";
import { bundledHandlers } from "../load-handlers.ts";
import { consumerOptions } from "../options.ts";
import { Worker, type WorkerReport } from "../worker.ts";
import { EventHistory } from "./event-history.ts";
import { harnessConfig, referenceOf, streamOfJob, streamOfSink } from "./harness-config.ts";
import { bodyOf } from "./made-input.ts";
import { makeOutput, type TestOutput } from "./memory-sink.ts";
import { MessageIds } from "./message-ids.ts";

export interface HarnessOptions {
  /** By job: letters, digits, "_" and "-". */
  readonly handlers: Readonly<Record<string, AnyHandler>>;
  /** Names of sinks. Default: one named `out`. */
  readonly sinks?: readonly string[];
  /** Settings of jobs besides stream and handler, as in a configuration file: `{ orders: { concurrency: 1 } }`. */
  readonly jobs?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** For NATS_SERVER and PATH, where a nats-server is looked for first: pass `process.env`. */
  readonly env: NodeJS.ProcessEnv;
  /** Where a nats-server is kept that had to be fetched. Default: `.cache`, as `choria-bridge start` does. */
  readonly cacheDir?: string;
}

export interface PutOptions {
  /** Default: a random one. */
  readonly id?: string;
  /** The sender. */
  readonly key?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A message in a job's queue. */
export interface PutReceipt {
  readonly id: string;
  readonly duplicate: boolean;
  readonly sequence: number;
}

/** What happened in the worker; `id` is that of the message where the event is about one, else empty. */
export type HarnessEvent = JobEvent & { readonly id: string };

/** What is waited for: a message that left the worker's hands. What is not named may be anything. */
export interface Awaited {
  readonly job?: string;
  readonly outcome?: SettledOutcome;
  readonly id?: string;
}

export interface DeadLetter {
  readonly job: string;
  readonly reason: string;
  readonly error: string;
  /** Runs. */
  readonly attempts: number;
  /** Of the message that died. */
  readonly id: string;
  readonly body: Uint8Array;
  readonly text: string;
}

const WAIT_MS = 10_000;
const STOP_MS = 5_000;
const MOST_EVENTS = 10_000;

/**
 * Starts a nats-server of its own and a real worker in this process, with a queue for each handler. Stop it at the end of
 * the test, also of one that fails: `t.after(() => harness.stop())`.
 */
export async function startHarness(options: HarnessOptions): Promise<Harness> {
  checkJobs(options);
  const { path: binary } = await ensureNatsServer({
    env: options.env,
    cacheDir: options.cacheDir ?? ".cache",
    log: () => {},
  });
  const storeDir = await mkdtemp(join(tmpdir(), "choria-bridge-harness-"));
  const undo: (() => Promise<unknown>)[] = [() => rm(storeDir, { recursive: true, force: true, maxRetries: 3 })];
  try {
    const server = await startServer({ binary, storeDir });
    undo.unshift(() => server.stop());
    const text = configText(options, server.url);
    const config = parseConfig(text, "harness", {});
    const connection = await openConnection(connectionOf(config), "harness");
    undo.unshift(() => connection.close());
    const channel = makeChannel(connection, REPLY_TIMEOUT_MS, () => performance.now());
    return new Harness({ text, config, channel, server, storeDir, ...(await work(options, config)) });
  } catch (error) {
    for (const step of undo) await step();
    throw error;
  }
}

/** Throws a RangeError: settings of a job that is not there would be without effect. */
function checkJobs({ handlers, jobs = {} }: HarnessOptions): void {
  for (const job of Object.keys(jobs)) {
    if (!Object.hasOwn(handlers, job)) throw new RangeError(`jobs.${job}: the harness has no handler of that name`);
  }
}

function configText({ handlers, sinks = ["out"], jobs = {} }: HarnessOptions, url: string): string {
  return harnessConfig({ url, jobs: Object.keys(handlers), sinks, settings: jobs });
}

function connectionOf(config: Config) {
  const noFiles = { file: "harness", read: () => "" };
  return connectionSettings(config, Object.keys(config.connections)[0] ?? "", noFiles);
}

interface Working {
  readonly worker: Worker;
  readonly history: EventHistory<JobEvent>;
  readonly ids: MessageIds;
}

async function work({ handlers }: HarnessOptions, config: Config): Promise<Working> {
  const history = new EventHistory<JobEvent>(MOST_EVENTS);
  const ids = new MessageIds(() => history.again());
  const listening = Object.entries(handlers).map(([job, handler]) => [referenceOf(job), ids.listening(job, handler)]);
  const settings = connectionOf(config);
  const choice = {
    only: null,
    apply: false,
    log: createLogger("harness", "silent"),
    loadHandler: bundledHandlers(Object.fromEntries(listening)),
  };
  const opened = { path: "harness", config, resolved: { connections: { [settings.name]: settings } } };
  const worker = await Worker.start(consumerOptions(opened, choice), [(event) => history.add(event)]);
  return { worker, history, ids };
}

interface Parts extends Working {
  readonly text: string;
  readonly config: Config;
  readonly channel: Channel;
  readonly server: RunningServer;
  readonly storeDir: string;
}

/** A worker at work on a server of its own. */
export class Harness implements AsyncDisposable {
  readonly #parts: Parts;
  #stopped: Promise<WorkerReport> | null = null;

  /** Made by `startHarness`. */
  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** The server's address, for a producer or a client of the test's own. */
  get url(): string {
    return this.#parts.server.url;
  }

  /** Where the server keeps its files; gone after `stop`. */
  get storeDir(): string {
    return this.#parts.storeDir;
  }

  /** The configuration the worker runs with, as text: what `openProducer` takes. */
  get config(): string {
    return this.#parts.text;
  }

  /** The latest 10,000 events, the oldest first. */
  get events(): readonly HarnessEvent[] {
    return this.#parts.history.events.map((event) => this.#identified(event));
  }

  /** Stores a message in a job's queue, fitting or not: bytes as they are, anything else as JSON. */
  async put(job: string, payload: unknown, options: PutOptions = {}): Promise<PutReceipt> {
    const { config, channel, ids } = this.#parts;
    const { id = randomUUID(), key = "", headers = {} } = options;
    const stream = config.streams[streamOfJob(job)];
    if (stream === undefined) throw new RangeError(`the harness has no job "${job}"`);
    const sender: (readonly [string, string])[] = key === "" ? [] : [["Choria-Sender", key]];
    const result = await publishOnce(channel, {
      subject: compileTemplate(stream.subject).render({ sender: key, collective: "", agent: "", caller: "" }),
      stream: streamOfJob(job),
      id,
      headers: [...sender, ...Object.entries(headers)],
      body: bodyOf(payload, "bytes"),
    });
    if (!result.stored) throw new Error(`job "${job}": ${result.failure}: ${result.detail}`);
    ids.learn(job, result.sequence, id);
    return { id, duplicate: result.duplicate, sequence: result.sequence };
  }

  /**
   * Resolves with the first event of its kind, also when that has happened already; rejects with what did happen when none
   * comes in time. A plain object waits for a message that was settled so.
   */
  async waitFor(
    awaited: Awaited | ((event: HarnessEvent) => boolean),
    { timeoutMs = WAIT_MS }: { readonly timeoutMs?: number } = {},
  ): Promise<HarnessEvent> {
    const matches = typeof awaited === "function" ? awaited : (event: HarnessEvent) => isSettled(event, awaited);
    const found = await this.#parts.history.waitFor((event) => matches(this.#identified(event)), timeoutMs);
    return this.#identified(found);
  }

  /** What the sinks hold, or one of them. */
  async outputs(sink?: string): Promise<readonly TestOutput[]> {
    const { sinks } = this.#parts.config;
    if (sink !== undefined && !Object.hasOwn(sinks, sink)) throw new RangeError(`the harness has no sink "${sink}"`);
    const names = sink === undefined ? Object.keys(sinks) : [sink];
    const all = await Promise.all(
      names.map((name) => this.#stored(streamOfSink(name), (one) => readOutput(name, one))),
    );
    return all.flat();
  }

  /** The dead letters, or those of one job. */
  async deadLetters(job?: string): Promise<readonly DeadLetter[]> {
    const all = await this.#stored(deadLetterSpec(this.#parts.config).name, readDeadLetter);
    return job === undefined ? all : all.filter((letter) => letter.job === job);
  }

  /** Stops worker and server and removes what they stored. */
  stop(): Promise<WorkerReport> {
    this.#stopped ??= this.#end();
    return this.#stopped;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #end(): Promise<WorkerReport> {
    const { worker, channel, server, storeDir } = this.#parts;
    try {
      return await worker.stop(STOP_MS);
    } finally {
      channel.replies.close();
      await channel.connection.close();
      await server.stop();
      await rm(storeDir, { recursive: true, force: true, maxRetries: 3 });
    }
  }

  async #stored<T>(stream: string, read: (message: StoredMessage) => T): Promise<readonly T[]> {
    const found: T[] = [];
    const { connection } = this.#parts.channel;
    for await (const message of browse(connection, { stream, fromSequence: 1 })) found.push(read(message));
    return found;
  }

  #identified(event: JobEvent): HarnessEvent {
    return { ...event, id: event.type === "settled" ? this.#parts.ids.of(event.job, event.sequence) : "" };
  }
}

function isSettled(event: HarnessEvent, { job, outcome, id }: Awaited): boolean {
  if (event.type !== "settled") return false;
  return (
    (job === undefined || event.job === job) &&
    (outcome === undefined || event.outcome === outcome) &&
    (id === undefined || event.id === id)
  );
}

function readOutput(sink: string, { header, data }: StoredMessage): TestOutput {
  const read = (name: string): string => header(name) ?? "";
  return makeOutput({ sink, id: read("Nats-Msg-Id"), key: read("Choria-Sender"), header: read, body: data });
}

function readDeadLetter({ header, data }: StoredMessage): DeadLetter {
  return {
    job: header(DEAD_HEADERS.job) ?? "",
    reason: header(DEAD_HEADERS.reason) ?? "",
    error: header(DEAD_HEADERS.error) ?? "",
    attempts: Number(header(DEAD_HEADERS.attempts) ?? 0),
    id: header(JOB_HEADERS.id) ?? header(DEAD_HEADERS.messageId) ?? "",
    body: data,
    text: Buffer.from(data).toString("utf8"),
  };
}
