import { parseConfig } from "../../../shared/config/load.ts";
import type { InputIssue } from "../../../shared/jobs/document.ts";
import type { Decision } from "../../../shared/jobs/outcome.ts";
import type { Sink } from "../../../shared/sinks/sink.ts";
import { createLogger } from "../../../shared/telemetry/log.ts";
import { BatchRun } from "../batch-run.ts";
import type { AnyHandler, Job } from "../job.ts";
import type { StoredInput } from "../message.ts";
import { payloadOf } from "../options.ts";
import { resolveJobs } from "../resolve-jobs.ts";
import { Run, type RunEnd, type RunSettings, readInput } from "../run.ts";
import { tracedBySdk } from "../traced.ts";
import { harnessConfig } from "./harness-config.ts";
import { bodyOf, madeInput } from "./made-input.ts";
import { memorySink, type TestOutput } from "./memory-sink.ts";

export interface RunOptions {
  /** Headers of the message, such as `Nats-Msg-Id` or `Choria-Sender`. Default: a `Nats-Msg-Id` of `test-1`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Which run of its message it is. Default: 1. */
  readonly attempt?: number;
  /** The sinks there are: each keeps what it is given, or rejects with an error. Default: whatever the handler names. */
  readonly sinks?: Readonly<Record<string, "stored" | Error>>;
  /** Default: the handler's, or that of the configuration's default. */
  readonly timeoutMs?: number;
}

export interface RunResult {
  /** What a worker would do about the message. Delays are without jitter. */
  readonly decision: Decision;
  /** What the handler published, once for each id. */
  readonly outputs: readonly TestOutput[];
  /** What is wrong with the input; the handler did not run if there is anything. */
  readonly issues: readonly InputIssue[];
}

/** How late a timeout may come. */
const EXPIRE_EVERY_MS = 5;

/**
 * Runs one message through what a worker does with it, without a server: schema, middleware, context, timeout, outputs, and
 * the decision. Bytes are the stored body; anything else is stored as JSON first, as a producer would. A handler of batches
 * is given a batch of one.
 */
export async function runOne(handler: AnyHandler, input: unknown, options: RunOptions = {}): Promise<RunResult> {
  const outputs: TestOutput[] = [];
  const settings = await settingsFor(handler, outputs, options);
  const headers = options.headers ?? { "Nats-Msg-Id": "test-1" };
  const stored = madeInput({ body: bodyOf(input, handler.input), headers, sequence: 1 });
  const attempt = { number: options.attempt ?? 1, crashes: 0, firstRunAt: null, redelivered: false };
  const isBatch = handler.kind === "batch";
  const run = isBatch ? new BatchRun(settings, [{ input: stored, attempt }]) : new Run(settings, stored, attempt);
  const timer = setInterval(() => run.expire(performance.now()), EXPIRE_EVERY_MS);
  try {
    const ended = await run.start(performance.now(), settings.job.timeoutMs);
    const [end] = [ended].flat() as readonly RunEnd[];
    const decision = decisionOf(end);
    return { decision, outputs, issues: await issuesOf(decision, settings, stored) };
  } finally {
    clearInterval(timer);
  }
}

/** The decision tells them as text: they are asked for once more. */
async function issuesOf(decision: Decision, settings: RunSettings, input: StoredInput): Promise<readonly InputIssue[]> {
  if (decision.type !== "dead" || decision.reason !== "INVALID_INPUT") return [];
  const read = await readInput(settings, input);
  return read.ok ? [] : read.issues;
}

/** Nobody stops this run or takes its lease. */
function decisionOf(end: RunEnd | undefined): Decision {
  if (end === undefined || typeof end === "string") throw new Error(`the run was not decided: ${end}`);
  return end;
}

async function settingsFor(handler: AnyHandler, outputs: TestOutput[], options: RunOptions): Promise<RunSettings> {
  return {
    job: await jobFor(handler, options),
    sinks: sinksFor(outputs, options),
    log: createLogger("test", "silent"),
    onEvent: () => {},
    unwrap: payloadOf,
    now: () => performance.now(),
    wallNow: Date.now,
    random: () => 0,
    traced: tracedBySdk(),
  };
}

/** With the defaults of a configuration. */
async function jobFor(handler: AnyHandler, { timeoutMs }: RunOptions): Promise<Job> {
  const text = harnessConfig({ url: "nats://localhost", jobs: ["test"], sinks: [], settings: {} });
  const config = parseConfig(text, "test", {});
  const [job] = await resolveJobs({ config, file: "test", only: null, loadHandler: async () => handler });
  if (job === undefined) throw new Error("the configuration has no job");
  return { ...job, timeoutMs: timeoutMs ?? job.timeoutMs };
}

function sinksFor(outputs: TestOutput[], { sinks }: RunOptions): ReadonlyMap<string, Sink> {
  if (sinks === undefined) return new AnySink(outputs);
  return new Map(
    Object.entries(sinks).map(([name, how]) => [name, memorySink(name, outputs, how === "stored" ? null : how)]),
  );
}

/** Has a sink of every name. */
class AnySink extends Map<string, Sink> {
  readonly #outputs: TestOutput[];

  constructor(outputs: TestOutput[]) {
    super();
    this.#outputs = outputs;
  }

  override get(name: string): Sink {
    return memorySink(name, this.#outputs, null);
  }
}
