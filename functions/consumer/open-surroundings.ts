import { jobConnections, keptConnection, streamName } from "../../shared/config/names.ts";
import { consumerSpec, deadLetterSpec, streamSpec } from "../../shared/config/resolve.ts";
import type { Config } from "../../shared/config/schema.ts";
import type { DeadLetterTarget } from "../../shared/jetstream/dead-letter.ts";
import { featureNeeds, requireFeatures } from "../../shared/jetstream/features.ts";
import { manage } from "../../shared/jetstream/manager.ts";
import type { StreamSpec } from "../../shared/jetstream/spec.ts";
import { ensureConsumer, ensureStream } from "../../shared/jetstream/topology.ts";
import { jetStreamSink } from "../../shared/sinks/jetstream.ts";
import type { Sink } from "../../shared/sinks/sink.ts";
import { compileTemplate } from "../../shared/subjects/template.ts";
import type { Logger } from "../../shared/telemetry/logger.ts";
import type { WorkerConnections } from "./connections.ts";
import { guardSink } from "./guard-sink.ts";
import type { Job } from "./job.ts";

/** What the surroundings of jobs are opened with; see `OpenJobsOptions`. */
interface SurroundingsOptions {
  readonly config: Config;
  readonly apply: boolean;
  readonly worker: string;
  readonly log: Logger;
}

/** The connection that an entry of `streams` is on. */
export function connectionOf(config: Config, stream: string): string {
  return config.streams[stream]?.connection ?? "";
}

export async function openSinks(
  { config, apply, worker }: SurroundingsOptions,
  connections: WorkerConnections,
): Promise<ReadonlyMap<string, Sink>> {
  const opened = Object.entries(config.sinks).map(async ([name, { to }]): Promise<[string, Sink]> => {
    const subject = compileTemplate(config.streams[to]?.subject ?? "");
    const channel = await connections.get(connectionOf(config, to));
    const sink = jetStreamSink(channel, { name, stream: streamName(config, to), subject });
    return [name, await guardSink(sink, { config, apply, channel, worker })];
  });
  return new Map(await Promise.all(opened));
}

export async function openDeadLetters(config: Config, connections: WorkerConnections): Promise<DeadLetterTarget> {
  const { name } = deadLetterSpec(config);
  return {
    channel: await connections.get(keptConnection(config, "deadLetters") ?? ""),
    stream: name,
    subjectPrefix: name,
  };
}

/** Throws `ServerTooOldError`; what an old server does without is said once. */
export async function checkServers(
  { config, log }: SurroundingsOptions,
  jobs: readonly Job[],
  connections: WorkerConnections,
): Promise<void> {
  const names = jobs.map(({ name }) => name);
  for (const name of jobConnections(config, names)) {
    const { connection } = await connections.get(name);
    const version = connection.info?.version ?? "";
    requireFeatures(featureNeeds(config, name), version, ({ text }) => log.info({ connection: name }, text));
  }
}

/** The streams the jobs read, those sinks write to, the dead letters; then a durable consumer for each job. */
export async function ensureTopology(
  { config, apply }: SurroundingsOptions,
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
    if (config.jobs[name]?.order !== undefined) continue; // its partitions' owners make their own
    const jsm = await managerOf(connectionOf(config, config.jobs[name]?.stream ?? ""));
    await ensureConsumer(jsm, consumerSpec(config, name), { apply });
  }
}
