import PQueue from "p-queue";
import { streamName } from "../../shared/config/names.ts";
import { delayedConsumerSpec, jobQueueOf } from "../../shared/config/resolve.ts";
import type { Config } from "../../shared/config/schema.ts";
import { type Backlog, backlogOf } from "../../shared/jetstream/backlog.ts";
import type { Connection } from "../../shared/jetstream/connect.ts";
import type { DeadLetterTarget } from "../../shared/jetstream/dead-letter.ts";
import type { Sink } from "../../shared/sinks/sink.ts";
import { isPlainSubject, subjectCovers } from "../../shared/subjects/overlap.ts";
import { compileTemplate } from "../../shared/subjects/template.ts";
import type { Logger } from "../../shared/telemetry/logger.ts";
import { within } from "../../shared/time/within.ts";
import { WorkerConnections } from "./connections.ts";
import type { Consumer, JobRunner } from "./consumer.ts";
import type { JobObserver } from "./events.ts";
import type { Job } from "./job.ts";
import { JobConsumer, type JobConsumerSettings } from "./job-consumer.ts";
import { LoopLag } from "./loop-lag.ts";
import { type Order, openOrder } from "./open-order.ts";
import { checkServers, connectionOf, ensureTopology, openDeadLetters, openSinks } from "./open-surroundings.ts";
import { OrderedConsumer } from "./ordered-consumer.ts";
import { Parking } from "./parking.ts";
import type { PausableJobs } from "./pauses.ts";
import { openQueueStates, type QueueState } from "./queue-state.ts";
import type { WatchedQueue } from "./queue-watch.ts";
import { Releaser } from "./releaser.ts";
import { type JobChoice, resolveJobs } from "./resolve-jobs.ts";
import type { Unwrap } from "./run.ts";
import { RunRecords } from "./run-records.ts";
import { tracedBySdk } from "./traced.ts";

export interface OpenJobsOptions extends JobChoice {
  /** Names this process among all workers: letters, digits, "_" and "-". */
  readonly worker: string;
  /** Opens the connection of that name in the configuration. */
  readonly connect: (name: string) => Promise<Connection>;
  /** Change streams and consumers whose settings differ, as far as JetStream allows. */
  readonly apply: boolean;
  readonly unwrap: Unwrap;
  readonly log: Logger;
}

interface Opened extends Omit<JobConsumerSettings, "mode" | "onEvent"> {
  /** Null: messages of the job run in any order. */
  readonly order: Order | null;
  /** What workers share beside the job's queue. */
  readonly state: QueueState;
  readonly isWorkQueue: boolean;
}

/** What a worker or a drain runs, all of which must be stopped. */
export interface Consuming {
  readonly jobs: readonly JobRunner[];
  /** The jobs' consumers and those that put delayed messages back. */
  readonly all: readonly Consumer[];
}

/** Jobs ready to be consumed: connected, their streams and consumers checked, handlers and sinks made. */
export class OpenJobs {
  readonly connections: WorkerConnections;
  readonly lag: LoopLag;
  /** By connection. */
  readonly states: ReadonlyMap<string, QueueState>;
  readonly #config: Config;
  readonly #worker: string;
  readonly #opened: readonly Opened[];
  readonly #sinks: ReadonlyMap<string, Sink>;
  readonly #deadLetters: DeadLetterTarget;

  private constructor(parts: Parts, opened: readonly Opened[]) {
    this.connections = parts.connections;
    this.lag = parts.lag;
    this.states = parts.states;
    this.#config = parts.options.config;
    this.#worker = parts.options.worker;
    this.#opened = opened;
    this.#sinks = parts.sinks;
    this.#deadLetters = parts.deadLetters;
  }

  /** Rejects with `ConfigError`, `ConnectError` or `TopologyError`; nothing is left open then. */
  static async open(options: OpenJobsOptions): Promise<OpenJobs> {
    const jobs = await resolveJobs(options);
    const connections = new WorkerConnections({ connect: options.connect, log: options.log, now: monotonic });
    const lag = new LoopLag();
    try {
      await checkServers(options, jobs, connections);
      await ensureTopology(options, jobs, connections);
      const { config, worker, apply } = options;
      const names = jobs.map(({ name }) => name);
      const channelOf = (name: string) => connections.get(name);
      const clocks = { now: monotonic, wallNow: Date.now };
      const states = await openQueueStates({ config, worker, apply, jobs: names, channelOf, ...clocks });
      const sinks = await openSinks(options, connections);
      const deadLetters = await openDeadLetters(config, connections);
      const most = config.worker.concurrency;
      const gate = most === undefined ? null : new PQueue({ concurrency: most });
      const parts = { options, connections, lag, states, sinks, deadLetters, gate };
      return new OpenJobs(parts, await Promise.all(jobs.map((job) => openJob(parts, job))));
    } catch (error) {
      lag.close();
      await connections.close();
      throw error;
    }
  }

  /** Names this process among all workers. */
  get worker(): string {
    return this.#worker;
  }

  /** The connection that a job's queue is on. */
  connectionOf(job: string): string {
    return connectionOf(this.#config, this.#config.jobs[job]?.stream ?? "");
  }

  /** The opened jobs' queues, for those who look how deep they are. */
  get queues(): readonly WatchedQueue[] {
    return this.#opened.map(({ job, connection, state, isWorkQueue }) => {
      const queue = jobQueueOf(this.#config, job.name);
      return { job: job.name, connection, queue, isWorkQueue, serverNow: () => state.clock.now() };
    });
  }

  /** The opened jobs whose queues are on each connection. */
  get pausable(): readonly PausableJobs[] {
    return [...this.states.values()].map((state) => {
      const here = this.#opened.filter((opened) => opened.state === state);
      return { state, jobs: new Set(here.map(({ job }) => job.name)), wallNow: Date.now };
    });
  }

  get jobs(): readonly Job[] {
    return this.#opened.map(({ job }) => job);
  }

  /**
   * Makes a process that stood still usable again. False when a server does not answer within `timeoutMs`: then everything
   * has to be opened anew.
   */
  async thaw(timeoutMs: number): Promise<boolean> {
    this.lag.restart();
    if (!(await this.connections.answer(timeoutMs))) return false;
    let isRead = false;
    const reading = Promise.all([...this.states.values()].map(({ clock }) => clock.reread())).then(
      () => {
        isRead = true;
      },
      () => {}, // as if there had been no answer
    );
    await within(reading, timeoutMs);
    return isRead;
  }

  /** Starts consuming the jobs that `only` names, or every one, and putting delayed messages back. */
  consume(mode: "worker" | "drain", onEvent: JobObserver, only: readonly string[] | null = null): Consuming {
    const opened = this.#opened.filter(({ job }) => only === null || only.includes(job.name));
    const jobs = opened.map((settings) =>
      this.#attached(settings.connection, consumerOf({ ...settings, mode, onEvent })),
    );
    const releasers = opened.map(({ job, connection, state }) =>
      this.#attached(connection, this.#releaser(state, { job: job.name, mode, onEvent })),
    );
    return { jobs, all: [...jobs, ...releasers] };
  }

  /** Tells a consumer what happens to its connection until it is stopped. */
  #attached<C extends Consumer>(connection: Connection, consumer: C): C {
    const forget = this.connections.listen(connection, consumer);
    void consumer.stopped.then(forget);
    return consumer;
  }

  #releaser(
    { channel, clock, connection }: QueueState,
    how: { job: string; mode: "worker" | "drain"; onEvent: JobObserver },
  ): Releaser {
    const { stream, durable, ackWaitMs } = delayedConsumerSpec(this.#config, how.job);
    return new Releaser({
      ...channel,
      ...how,
      stream,
      durable,
      ackWaitMs,
      clock,
      deadLetters: this.#deadLetters,
      now: monotonic,
      wallNow: Date.now,
      jobOf: (streamOnServer, subject) => readerOf(this.#config, { connection, stream: streamOnServer, subject }),
    });
  }

  /** What is left on the server, over the jobs that `only` names, or every one. */
  async backlog(only: readonly string[] | null = null): Promise<Backlog> {
    const opened = this.#opened.filter(({ job }) => only === null || only.includes(job.name));
    const all = await Promise.all(opened.map(leftOf));
    return all.reduce((sum, one) => ({
      waiting: sum.waiting + one.waiting,
      unsettled: sum.unsettled + one.unsettled,
    }));
  }

  async close(): Promise<void> {
    this.lag.close();
    for (const { clock } of this.states.values()) clock.close();
    for (const sink of this.#sinks.values()) await sink[Symbol.asyncDispose]();
    await this.connections.close();
  }
}

function monotonic(): number {
  return performance.now();
}

function consumerOf(settings: Opened & Pick<JobConsumerSettings, "mode" | "onEvent">): JobRunner {
  const { order } = settings;
  if (order === null) return new JobConsumer(settings);
  return new OrderedConsumer({ ...settings, ...order, ackWaitMs: Number.POSITIVE_INFINITY }); // the partition's lease counts
}

/** An ordered job is the only reader of its queue, by consumers that come and go. */
async function leftOf({ connection, job, order }: Opened): Promise<Backlog> {
  return order === null ? backlogOf(connection, job) : { waiting: await order.messagesLeft(), unsettled: 0 };
}

interface Parts {
  readonly options: OpenJobsOptions;
  readonly connections: WorkerConnections;
  readonly lag: LoopLag;
  readonly states: ReadonlyMap<string, QueueState>;
  readonly sinks: ReadonlyMap<string, Sink>;
  readonly deadLetters: DeadLetterTarget;
  readonly gate: PQueue | null;
}

async function openJob(parts: Parts, job: Job): Promise<Opened> {
  const { options, states, sinks, deadLetters, gate, lag } = parts;
  const { config, unwrap, log, worker } = options;
  const entry = config.jobs[job.name]?.stream ?? "";
  const state = states.get(connectionOf(config, entry));
  if (state === undefined) throw new RangeError(`job "${job.name}" has no connection`);
  const { name, crashes, retry, parkAfterMs: afterMs } = job;
  const limits = { attempts: retry.attempts, crashes };
  return {
    ...state.channel,
    job,
    order: await openOrder(config, job, state, worker),
    state,
    isWorkQueue: config.streams[entry]?.retention === "workqueue",
    sinks,
    unwrap,
    deadLetters,
    gate,
    lagMs: () => lag.worstMs,
    records: new RunRecords(state.runs, { job: name, worker, limits, wallNow: Date.now }),
    parking: afterMs === null ? null : new Parking({ job: name, afterMs, target: state.delayed, clock: state.clock }),
    log: log.child({ job: name }),
    ackWaitMs: job.ackWaitMs,
    now: monotonic,
    wallNow: Date.now,
    random: Math.random,
    traced: tracedBySdk(),
  };
}

interface Place {
  readonly connection: string;
  /** Name on the server. */
  readonly stream: string;
  readonly subject: string;
}

/** The job that reads a subject of a work queue; null when none does. */
function readerOf(config: Config, { connection, stream, subject }: Place): string | null {
  for (const [name, job] of Object.entries(config.jobs)) {
    const source = config.streams[job.stream];
    if (source?.connection !== connection || streamName(config, job.stream) !== stream) continue;
    const filter = job.filter ?? compileTemplate(source.subject).filter;
    if (source.retention === "workqueue" && isPlainSubject(subject) && subjectCovers(filter, subject)) return name;
  }
  return null;
}
