import { ConfigError, type ConfigProblem } from "../../shared/config/problem.ts";
import { consumerSpec } from "../../shared/config/resolve.ts";
import type { Config, JobConfig } from "../../shared/config/schema.ts";
import type { AnyHandler, Job } from "./job.ts";
import type { LoadHandler } from "./load-handlers.ts";
import { republishHandler } from "./republish.ts";

export interface JobChoice {
  readonly config: Config;
  /** The configuration's file, for messages. */
  readonly file: string;
  /** Names in `jobs`; null: all of them. */
  readonly only: readonly string[] | null;
  readonly loadHandler: LoadHandler;
}

type Resolved = { readonly job: Job } | { readonly problem: ConfigProblem };

/** The chosen jobs with their handlers. Throws `ConfigError` with everything that is wrong with any of them. */
export async function resolveJobs(choice: JobChoice): Promise<readonly Job[]> {
  const names = choice.only ?? Object.keys(choice.config.jobs);
  const resolved = await Promise.all(names.map((name) => resolveJob(choice, name)));
  const problems = resolved.flatMap((result) => ("problem" in result ? [result.problem] : []));
  if (names.length === 0) problems.push(problemOf(choice, "jobs", "names no job, so there is nothing to do"));
  if (problems.length > 0) throw new ConfigError(problems);
  return resolved.flatMap((result) => ("job" in result ? [result.job] : []));
}

async function resolveJob(choice: JobChoice, name: string): Promise<Resolved> {
  const config = Object.hasOwn(choice.config.jobs, name) ? choice.config.jobs[name] : undefined;
  if (config === undefined) return { problem: problemOf(choice, `jobs.${name}`, "is no job of this configuration") };
  const path = `jobs.${name}.handler`;
  try {
    const handler = await handlerOf(choice, name, config);
    if (handler.kind === "batch" && config.order !== undefined) return { problem: batchProblem(choice, name) };
    return { job: jobOf(choice.config, name, handler) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const problem = problemOf(
      choice,
      path,
      `cannot be loaded: ${reason}`,
      "name a module and an export made by defineHandler",
    );
    return { problem: { ...problem, value: JSON.stringify(config.handler ?? "") } };
  }
}

/** A batch has messages of a key side by side, and its items end in any order. */
function batchProblem(choice: JobChoice, name: string): ConfigProblem {
  const problem = "a handler of batches cannot keep an order";
  return problemOf(choice, `jobs.${name}.order`, problem, "leave order out, or make the handler with defineHandler");
}

async function handlerOf({ loadHandler }: JobChoice, name: string, { handler, sink }: JobConfig): Promise<AnyHandler> {
  if (handler !== undefined) return loadHandler(handler);
  return republishHandler(name, sink ?? "");
}

/** What a handler says about itself wins: its author knows better than a default, and who configures can read it. */
function jobOf(config: Config, name: string, handler: AnyHandler): Job {
  const { concurrency, timeout, retry, rate = null, stream: source, order } = configured(config, name);
  const { stream, durable, ackWaitMs } = consumerSpec(config, name);
  const policy = {
    policy: retry.policy,
    delayMs: retry.delay,
    maxDelayMs: retry.maxDelay,
    attempts: retry.attempts,
    jitter: retry.jitter,
  };
  const timeoutMs = handler.timeoutMs ?? timeout;
  // A copy in a stream that keeps its messages would reach its other readers too, and one with an order would lose its place.
  const parks = config.streams[source]?.retention === "workqueue" && order === undefined;
  return {
    name,
    handler,
    stream,
    durable,
    ackWaitMs,
    concurrency,
    timeoutMs,
    retry: handler.retry ?? policy,
    rate,
    crashes: retry.crashes,
    parkAfterMs: parks ? retry.parkAfter : null,
  };
}

function configured(config: Config, name: string): JobConfig {
  const job = config.jobs[name];
  if (job === undefined) throw new RangeError(`the configuration has no job "${name}"`);
  return job;
}

function problemOf({ file }: JobChoice, path: string, problem: string, fix = "name one of jobs"): ConfigProblem {
  return { file, path, value: "", problem, fix };
}
