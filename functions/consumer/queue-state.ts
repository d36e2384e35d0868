import { jobConnections } from "../../shared/config/names.ts";
import { bucketSpecs, delayedConsumerSpec, delayedSpec } from "../../shared/config/resolve.ts";
import type { Config } from "../../shared/config/schema.ts";
import { Bucket } from "../../shared/jetstream/buckets.ts";
import type { Channel } from "../../shared/jetstream/channel.ts";
import { manage } from "../../shared/jetstream/manager.ts";
import type { DelayedTarget } from "../../shared/jetstream/parking.ts";
import { ServerClock } from "../../shared/jetstream/server-clock.ts";
import { ensureConsumer, ensureStream } from "../../shared/jetstream/topology.ts";

/** What the workers on one connection share, beside the queues they pull from. */
export interface QueueState {
  readonly connection: string;
  readonly channel: Channel;
  /** Runs that messages have spent. */
  readonly runs: Bucket;
  /** Pauses, and who owns which partition. */
  readonly state: Bucket;
  /** What workers report of themselves. */
  readonly workers: Bucket;
  readonly delayed: DelayedTarget;
  readonly clock: ServerClock;
}

export interface QueueStateOptions {
  readonly config: Config;
  /** Jobs that are opened. */
  readonly jobs: readonly string[];
  /** Names this process among all of them. */
  readonly worker: string;
  readonly apply: boolean;
  readonly channelOf: (connection: string) => Promise<Channel>;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  readonly wallNow: () => number;
}

/** Opens, and makes where it is missing, what the jobs' connections need besides the streams of the configuration. */
export async function openQueueStates(options: QueueStateOptions): Promise<ReadonlyMap<string, QueueState>> {
  const names = jobConnections(options.config, options.jobs);
  const opened = await Promise.all(names.map((name) => openQueueState(options, name)));
  return new Map(opened.map((state) => [state.connection, state]));
}

async function openQueueState(options: QueueStateOptions, name: string): Promise<QueueState> {
  const { config, apply, channelOf, worker, jobs } = options;
  const channel = await channelOf(name);
  const { connection } = channel;
  const jsm = await manage(connection);
  const specs = bucketSpecs(config);
  const [runs, state, workers] = await Promise.all([
    Bucket.open(connection, specs.runs),
    Bucket.open(connection, specs.state),
    Bucket.open(connection, specs.workers),
    ensureStream(jsm, delayedSpec(config), { apply }),
  ]);
  const here = jobs.filter((job) => config.streams[config.jobs[job]?.stream ?? ""]?.connection === name);
  await Promise.all(here.map((job) => ensureConsumer(jsm, delayedConsumerSpec(config, job), { apply })));
  const clock = await ServerClock.start(workers, worker, options);
  const delayed = { channel, stream: config.delayed.name, subjectPrefix: config.delayed.name };
  return { connection: name, channel, runs, state, workers, delayed, clock };
}
