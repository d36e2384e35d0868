import { suggestName } from "../../../shared/config/nearest.ts";
import { jobQueueOf } from "../../../shared/config/resolve.ts";
import type { Config, JobConfig } from "../../../shared/config/schema.ts";
import type { JobQueue } from "../../../shared/jetstream/job-queue.ts";
import { UsageError } from "../exit.ts";

/** A job of the configuration, and where it is on the server. */
export interface ChosenJob {
  readonly name: string;
  readonly config: JobConfig;
  readonly connection: string;
  readonly queue: JobQueue;
  readonly isWorkQueue: boolean;
  /** What becomes of its messages, as `handler handlers.js#work` or `sink nodes`. */
  readonly does: string;
}

/** The jobs of those names; all of them when none is named. Throws `UsageError` for an unknown name. */
export function chooseJobs(config: Config, names: readonly string[]): readonly ChosenJob[] {
  const chosen = names.length === 0 ? Object.keys(config.jobs) : [...new Set(names)];
  if (chosen.length === 0) throw new UsageError("the configuration has no jobs");
  return chosen.map((name) => chooseJob(config, name));
}

export function chooseJob(config: Config, name: string): ChosenJob {
  const job = Object.hasOwn(config.jobs, name) ? config.jobs[name] : undefined;
  const stream = config.streams[job?.stream ?? ""];
  if (job === undefined || stream === undefined) {
    throw new UsageError(`there is no job "${name}": ${suggestName(name, Object.keys(config.jobs))}`);
  }
  return {
    name,
    config: job,
    connection: stream.connection,
    queue: jobQueueOf(config, name),
    isWorkQueue: stream.retention === "workqueue",
    does: job.handler === undefined ? `sink ${job.sink ?? ""}` : `handler ${job.handler}`,
  };
}
