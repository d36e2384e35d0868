import { bucketSpecs } from "../../../shared/config/resolve.ts";
import type { Config } from "../../../shared/config/schema.ts";
import { Bucket } from "../../../shared/jetstream/buckets.ts";
import { type PauseTarget, pauseJob, resumeJob, type ServerPause } from "../../../shared/jetstream/pause.ts";
import { aboutConnection, type CommandConnections } from "../command-connections.ts";
import type { AppendRecord } from "./record.ts";
import type { ChosenJob } from "./selection.ts";

export interface PauseRequest {
  readonly job: ChosenJob;
  readonly by: string;
  readonly at: Date;
  readonly until: Date | null;
}

/** What a command that pauses or resumes works with. */
export interface PauseTools {
  readonly config: Config;
  readonly connections: CommandConnections;
  /** Called once the job is paused or resumed. */
  readonly append: AppendRecord;
}

export async function pause(tools: PauseTools, { job, by, at, until }: PauseRequest): Promise<ServerPause> {
  const server = await change(tools, job, ({ connection, target }) => pauseJob(connection, target, { by, at, until }));
  const details = { job: job.name, until: until?.toISOString() ?? null, server };
  await tools.append({ action: "jobs.pause", by, at, details });
  return server;
}

export async function resume(tools: PauseTools, { job, by, at }: Omit<PauseRequest, "until">): Promise<ServerPause> {
  const server = await change(tools, job, ({ connection, target }) => resumeJob(connection, target));
  await tools.append({ action: "jobs.resume", by, at, details: { job: job.name, server } });
  return server;
}

interface Reached {
  readonly connection: Awaited<ReturnType<CommandConnections["get"]>>["connection"];
  readonly target: PauseTarget;
}

async function change<T>(
  { config, connections }: PauseTools,
  { name, connection: at, queue }: ChosenJob,
  act: (reached: Reached) => Promise<T>,
): Promise<T> {
  const { connection } = await connections.get(at);
  try {
    const bucket = await Bucket.open(connection, bucketSpecs(config).state);
    const consumer = queue.ordered ? null : { stream: queue.stream, durable: queue.durable };
    return await act({ connection, target: { bucket, job: name, consumer } });
  } catch (error) {
    throw aboutConnection(at, error);
  }
}
