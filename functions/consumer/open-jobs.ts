import { keptConnection, streamName } from "../../shared/config/names.ts";
import { consumerSpec, deadLetterSpec, streamSpec } from "../../shared/config/resolve.ts";
import type { Config } from "../../shared/config/schema.ts";
import { type Backlog, backlogOf } from "../../shared/jetstream/backlog.ts";
import type { Connection } from "../../shared/jetstream/connect.ts";
import type { DeadLetterTarget } from "../../shared/jetstream/dead-letter.ts";
import { manage } from "../../shared/jetstream/manager.ts";
import type { StreamSpec } from "../../shared/jetstream/spec.ts";
import { ensureConsumer, ensureStream } from "../../shared/jetstream/topology.ts";
import { jetStreamSink } from "../../shared/sinks/jetstream.ts";
import type { Sink } from "../../shared/sinks/sink.ts";
import { compileTemplate } from "../../shared/subjects/template.ts";
import type { Logger } from "../../shared/telemetry/log.ts";
import { WorkerConnections } from "./connections.ts";
import type { JobObserver } from "./events.ts";
import type { Job } from "./job.ts";
import { JobConsumer, type JobConsumerSettings } from "./job-consumer.ts";
import { type JobChoice, resolveJobs } from "./resolve-jobs.ts";
import type { Unwrap } from "./run.ts";

export interface OpenJobsOptions extends JobChoice {
  /** Opens the connection of that name in the configuration. */
  readonly connect: (name: string) => Promise<Connection>;
  /** Change streams and consumers whose settings differ, as far as JetStream allows. */
  readonly apply: boolean;
  readonly unwrap: Unwrap;
  readonly log: Logger;
}

type Opened = Omit<JobConsumerSettings, "mode" | "onEvent">;

/** Jobs ready to be consumed: connected, their streams and consumers checked, handlers and sinks made. */
export class OpenJobs {
  readonly connections: WorkerConnections;
  readonly #opened: readonly Opened[];
  readonly #sinks: ReadonlyMap<string, Sink>;

  private constructor(connections: WorkerConnections, opened: readonly Opened[], sinks: ReadonlyMap<string, Sink>) {
    this.connections = connections;
    this.#opened = opened;
    this.#sinks = sinks;
  }

  /** Rejects with `ConfigError`, `ConnectError` or `TopologyError`; nothing is left open then. */
  static async open(options: OpenJobsOptions): Promise<OpenJobs> {
    const jobs = await resolveJobs(options);
    const connections = new WorkerConnections({ connect: options.connect, log: options.log, now: monotonic });
    try {
      await ensureTopology(options, jobs, connections);
      const sinks = await openSinks(options.config, connections);
      const deadLetters = await openDeadLetters(options.config, connections);
      const opened = await Promise.all(jobs.map((job) => openJob({ options, connections, sinks, deadLetters }, job)));
      return new OpenJobs(connections, opened, sinks);
    } catch (error) {
      await connections.close();
      throw error;
    }
  }

  get jobs(): readonly Job[] {
    return this.#opened.map(({ job }) => job);
  }

  /** Starts consuming every job. Each consumer must be stopped. */
  consume(mode: "worker" | "drain", onEvent: JobObserver): readonly JobConsumer[] {
    return this.#opened.map((settings) => {
      const consumer = new JobConsumer({ ...settings, mode, onEvent });
      const forget = this.connections.listen(settings.connection, consumer);
      void consumer.stopped.then(forget);
      return consumer;
    });
  }

  /** What is left on the server, over all jobs. */
  async backlog(): Promise<Backlog> {
    const all = await Promise.all(this.#opened.map(({ connection, job }) => backlogOf(connection, job)));
    return all.reduce((sum, one) => ({
      waiting: sum.waiting + one.waiting,
      unsettled: sum.unsettled + one.unsettled,
    }));
  }

  async close(): Promise<void> {
    for (const sink of this.#sinks.values()) await sink[Symbol.asyncDispose]();
    await this.connections.close();
  }
}

function monotonic(): number {
  return performance.now();
}

interface Parts {
  readonly options: OpenJobsOptions;
  readonly connections: WorkerConnections;
  readonly sinks: ReadonlyMap<string, Sink>;
  readonly deadLetters: DeadLetterTarget;
}

async function openJob({ options, connections, sinks, deadLetters }: Parts, job: Job): Promise<Opened> {
  const { config, unwrap, log } = options;
  const channel = await connections.get(connectionOf(config, config.jobs[job.name]?.stream ?? ""));
  return {
    ...channel,
    job,
    sinks,
    unwrap,
    deadLetters,
    log: log.child({ job: job.name }),
    ackWaitMs: job.ackWaitMs,
    now: monotonic,
    wallNow: Date.now,
    random: Math.random,
  };
}

async function openSinks(config: Config, connections: WorkerConnections): Promise<ReadonlyMap<string, Sink>> {
  const opened = Object.entries(config.sinks).map(async ([name, { to }]): Promise<[string, Sink]> => {
    const subject = compileTemplate(config.streams[to]?.subject ?? "");
    const channel = await connections.get(connectionOf(config, to));
    return [name, jetStreamSink(channel, { name, stream: streamName(config, to), subject })];
  });
  return new Map(await Promise.all(opened));
}

async function openDeadLetters(config: Config, connections: WorkerConnections): Promise<DeadLetterTarget> {
  const { name } = deadLetterSpec(config);
  return {
    channel: await connections.get(keptConnection(config, "deadLetters") ?? ""),
    stream: name,
    subjectPrefix: name,
  };
}

/** The streams the jobs read, those sinks write to, the dead letters; then a durable consumer for each job. */
async function ensureTopology(
  { config, apply }: OpenJobsOptions,
  jobs: readonly Job[],
  connections: WorkerConnections,
): Promise<void> {
  const read = jobs.map(({ name }) => config.jobs[name]?.stream ?? "");
  const written = Object.values(config.sinks).map(({ to }) => to);
  const streams: [connection: string, spec: StreamSpec][] = [...new Set([...read, ...written])].map((name) => [
    connectionOf(config, name),
    streamSpec(config, name),
  ]);
  streams.push([keptConnection(config, "deadLetters") ?? "", deadLetterSpec(config)]);
  const managerOf = async (name: string) => manage((await connections.get(name)).connection);
  for (const [connection, spec] of streams) await ensureStream(await managerOf(connection), spec, { apply });
  for (const { name } of jobs) {
    const jsm = await managerOf(connectionOf(config, config.jobs[name]?.stream ?? ""));
    await ensureConsumer(jsm, consumerSpec(config, name), { apply });
  }
}

function connectionOf(config: Config, stream: string): string {
  return config.streams[stream]?.connection ?? "";
}
