import { randomUUID } from "node:crypto";
import { functionArn } from "./api/address.ts";
import { ApiServer } from "./api/server.ts";
import { Concurrency } from "./concurrency.ts";
import { EnvironmentPool, type EnvironmentView } from "./environment/pool.ts";
import { type DiscardedEvent, EventQueue } from "./events/queue.ts";
import { scheduledEvent } from "./events/schedule.ts";
import { deployFunction, type FunctionSettings, type LambdaFunction } from "./function.ts";
import { type Invocation, type InvocationRecord, ran, refused } from "./invocation.ts";
import { Log, type LogLine } from "./log.ts";

export interface EmulatorSettings {
  readonly functions: readonly FunctionSettings[];
  /** The Node.js program that runs the functions; default: the one that runs the emulator. See `node.ts`. */
  readonly node?: string;
  /** Default: a free one. */
  readonly port?: number;
  /** Default `us-east-1`. */
  readonly region?: string;
  /** What functions without a reservation share. Default 10, the quota of a new account. */
  readonly unreservedConcurrency?: number;
  /** After which starting is given up and tried once more, within the function's timeout. Default 10 s, as on AWS. */
  readonly initLimitMs?: number;
  /** How long a second of the Event queue is, in seconds: 0.001 makes its one-minute retry 60 ms. Default 1. */
  readonly queueTimeScale?: number;
}

/** Kept; `onInvocation` sees all of them. */
const RECORDS = 10_000;

/**
 * AWS Lambda on one machine, for an unmodified AWS SDK: set `AWS_ENDPOINT_URL_LAMBDA` to `endpoint`. Environments are
 * processes, frozen between invocations. Not there: aliases, layers, memory and CPU limits, destinations.
 */
export class LambdaEmulator {
  readonly #functions: ReadonlyMap<string, LambdaFunction>;
  readonly #region: string;
  readonly #log = new Log();
  readonly #concurrency: Concurrency;
  readonly #pool: EnvironmentPool;
  readonly #queue: EventQueue;
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #records: InvocationRecord[] = [];
  readonly #discarded: DiscardedEvent[] = [];
  readonly #listeners = new Set<(record: InvocationRecord) => void>();
  readonly #attempts = new Set<Promise<InvocationRecord>>();
  #api: ApiServer | null = null;
  #endpoint = "";

  private constructor(settings: EmulatorSettings) {
    this.#functions = new Map(settings.functions.map((fn) => [fn.name, deployFunction(fn)]));
    this.#region = settings.region ?? "us-east-1";
    this.#concurrency = new Concurrency(settings.unreservedConcurrency ?? 10);
    const surroundings = {
      node: settings.node ?? process.execPath,
      region: this.#region,
      path: process.env["PATH"] ?? "",
      log: this.#log,
    };
    this.#pool = new EnvironmentPool(surroundings, settings.initLimitMs ?? 10_000);
    this.#queue = new EventQueue(
      ({ fn, ...event }, attempt) => this.#run(fn, { ...event, type: "Event", attempt }),
      (event) => this.#discarded.push(event),
      settings.queueTimeScale ?? 1,
    );
  }

  /** Rejects when a function could not be deployed, or the port is taken. Schedules start at once. */
  static async start(settings: EmulatorSettings): Promise<LambdaEmulator> {
    const emulator = new LambdaEmulator(settings);
    await emulator.#open(settings.port ?? 0);
    return emulator;
  }

  /** `http://127.0.0.1:PORT` */
  get endpoint(): string {
    return this.#endpoint;
  }

  /** How attempts ended, in that order; the latest 10,000. */
  get invocations(): readonly InvocationRecord[] {
    return this.#records;
  }

  /** Events given up on. */
  get discarded(): readonly DiscardedEvent[] {
    return this.#discarded;
  }

  /** Called as attempts end; returns the function that ends the subscription. */
  onInvocation(listener: (record: InvocationRecord) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Called per line that functions print; returns the function that ends the subscription. */
  onLog(listener: (line: LogLine) => void): () => void {
    return this.#log.subscribe(listener);
  }

  /** The latest 1,000 lines of each environment, also of those that are gone. */
  logs(name: string): readonly LogLine[] {
    return this.#log.of(this.#named(name).name);
  }

  /** The function's processes. */
  environments(name: string): readonly EnvironmentView[] {
    return this.#pool.list(this.#named(name).name);
  }

  /** Invocations that run now. */
  running(name: string): number {
    return this.#concurrency.running(this.#named(name).name);
  }

  /** While on, the function is refused with 429, as if the account were at its limit; events wait in the queue. */
  throttle(name: string, on: boolean): void {
    this.#concurrency.throttle(this.#named(name).name, on);
  }

  /** Ends the function's idle environments: what comes next is a cold start. */
  async retire(name: string): Promise<void> {
    await this.#pool.retire(this.#named(name).name);
  }

  /** What a schedule rule does: an Event invocation. `input` takes the place of the rule's own document. Returns the request id. */
  tick(name: string, input?: unknown): string {
    const fn = this.#named(name);
    const event = input ?? scheduledEvent(`${name}-schedule`, randomUUID(), this.#region, new Date());
    return this.#enqueue(fn, functionArn(this.#region, name), JSON.stringify(event));
  }

  /** Stops taking calls and ends every process, frozen ones too; open calls end in a broken connection. */
  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    this.#queue.close();
    this.#api?.close();
    await this.#pool.close();
    await Promise.allSettled(this.#attempts);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #open(port: number): Promise<void> {
    const invoker = {
      region: this.#region,
      find: (name: string) => this.#functions.get(name) ?? null,
      invoke: (fn: LambdaFunction, arn: string, payload: string) =>
        this.#run(fn, { requestId: randomUUID(), type: "RequestResponse", attempt: 1, arn, payload }),
      enqueue: (fn: LambdaFunction, arn: string, payload: string) => this.#enqueue(fn, arn, payload),
      logTail: ({ environment, requestId }: InvocationRecord) => this.#log.tail(environment ?? "", requestId),
    };
    this.#api = await ApiServer.open(invoker, port);
    this.#endpoint = this.#api.endpoint;
    for (const { name, scheduleMs } of this.#functions.values()) {
      if (scheduleMs !== null) this.#timers.push(setInterval(() => this.tick(name), scheduleMs));
    }
  }

  #enqueue(fn: LambdaFunction, arn: string, payload: string): string {
    const requestId = randomUUID();
    this.#queue.add({ fn, requestId, arn, payload });
    return requestId;
  }

  async #run(fn: LambdaFunction, invocation: Invocation): Promise<InvocationRecord> {
    const attempt = this.#attempt(fn, invocation);
    this.#attempts.add(attempt);
    return attempt.finally(() => this.#attempts.delete(attempt));
  }

  async #attempt(fn: LambdaFunction, invocation: Invocation): Promise<InvocationRecord> {
    const startedAt = new Date();
    const reason = this.#concurrency.take(fn);
    if (reason !== null) return this.#ended(refused(fn, invocation, startedAt, reason));
    const run = await this.#pool.run(fn, invocation).finally(() => this.#concurrency.release(fn));
    return this.#ended(ran(fn, invocation, startedAt, run));
  }

  #ended(record: InvocationRecord): InvocationRecord {
    this.#records.push(record);
    if (this.#records.length > RECORDS) this.#records.shift();
    for (const listener of this.#listeners) listener(record);
    return record;
  }

  #named(name: string): LambdaFunction {
    const fn = this.#functions.get(name);
    if (fn === undefined) throw new Error(`there is no function "${name}": ${[...this.#functions.keys()].join(", ")}`);
    return fn;
  }
}
