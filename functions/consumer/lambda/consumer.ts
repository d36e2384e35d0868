import { jobsOfFunction } from "../../../shared/config/names.ts";
import { readInvocationEvent } from "../../../shared/lambda/event.ts";
import {
  type FunctionHandler,
  InvocationEventError,
  timeToWork,
  toldInOneLine,
} from "../../../shared/runtime/invocation.ts";
import { type FunctionPackage, PackagedConfig } from "../../../shared/runtime/package.ts";
import { Warm } from "../../../shared/runtime/warm.ts";
import type { Logger } from "../../../shared/telemetry/logger.ts";
import { WorkerCounters } from "../counters.ts";
import { type DrainReport, drainOnce } from "../drain.ts";
import { bundledHandlers } from "../load-handlers.ts";
import { OpenJobs } from "../open-jobs.ts";
import { consumerOptions } from "../options.ts";
import { EndMargin } from "./margin.ts";
import { writeDrained } from "./queue-metrics.ts";

export interface ConsumerPackage extends FunctionPackage {
  /** `consumer`, or a name in `lambda.functions`: whose jobs it runs. */
  readonly functionName: string;
  /** Handlers that were bundled, by the reference in the configuration. */
  readonly handlers: Readonly<Record<string, unknown>>;
}

/** A connection that was fine before the freeze answers within a few milliseconds, or is gone. */
const PROBE_MS = 400;

/**
 * The function that drains: each invocation processes what its jobs' queues hold, within its time, and leaves nothing open.
 * Connections are opened when the process starts and kept between invocations.
 */
export function makeConsumer({ functionName, handlers, ...bundled }: ConsumerPackage): FunctionHandler<DrainReport> {
  const packaged = new PackagedConfig(bundled, functionName);
  const margin = new EndMargin();
  const warned = new Set<string>();
  const open = () =>
    packaged.connected(({ path, config, resolved, log }) => {
      const only = jobsOfFunction(config, functionName);
      const loadHandler = bundledHandlers(handlers);
      return OpenJobs.open(consumerOptions({ path, config, resolved }, { only, apply: false, log, loadHandler }));
    });
  const warm = new Warm<OpenJobs>({
    open,
    thaw: (opened) => opened.thaw(PROBE_MS),
    close: (opened) => opened.close(),
  });
  queueMicrotask(() => warm.begin()); // once the module is loaded: loading and opening are told apart
  return (event, context) =>
    toldInOneLine(async () => {
      const { job, budgetMs = Number.POSITIVE_INFINITY } = readEvent(event);
      const opened = await warm.get();
      const only = chosenJobs(opened, job, functionName);
      const forMs = Math.min(budgetMs, timeToWork(context));
      warnOfLongRuns(opened, { only, forMs, warned, log: packaged.log });
      const counters = new WorkerCounters();
      for (const name of only) counters.of(name);
      const report = await drainOnce(opened, {
        forMs,
        only,
        ...(margin.endMs === undefined ? {} : { endMs: margin.endMs }),
        observe: (seen) => {
          counters.observe(seen);
          if (seen.type === "ran") margin.observe(seen.runMs);
        },
      });
      packaged.log.info(report, "drained");
      await writeDrained(opened, counters.jobs, packaged.metrics);
      // Whatever was sent last has left the process before it is frozen. Nobody knows what is left: the time was too short to
      // ask, or there is no server to ask.
      const isAnswered = await opened.connections.answer(PROBE_MS);
      if (report.left === null && !isAnswered) throw new DrainCutOffError(report);
      return report;
    });
}

interface Allowance {
  readonly only: readonly string[];
  readonly forMs: number;
  /** Jobs that were told of: once in a process's life is enough. */
  readonly warned: Set<string>;
  readonly log: Logger;
}

/** A run that has no time to end is given back uncounted, and begins again with the next drain, for ever. */
function warnOfLongRuns({ jobs }: OpenJobs, { only, forMs, warned, log }: Allowance): void {
  for (const { name: job, timeoutMs } of jobs) {
    if (timeoutMs < forMs || !only.includes(job) || warned.has(job)) continue;
    warned.add(job);
    log.warn(
      { job, timeoutMs, forMs },
      "a run may take longer than this drain; one that does is given back, and begins again",
    );
  }
}

function readEvent(event: unknown) {
  const read = readInvocationEvent(event);
  if (!read.ok) throw new InvocationEventError(read.problem);
  return read.event;
}

function chosenJobs(opened: OpenJobs, job: string | undefined, functionName: string): readonly string[] {
  const known = opened.jobs.map(({ name }) => name);
  if (job === undefined) return known;
  if (known.includes(job)) return [job];
  throw new InvocationEventError(
    `the invocation's event is not valid: job: function "${functionName}" runs no job ${JSON.stringify(job)}, only ${known.join(", ")}`,
  );
}

/** The server was away when the drain ended. Nothing is lost: what was not settled comes again when its lease is over. */
class DrainCutOffError extends Error {
  override readonly name = "DrainCutOffError";
  readonly code = "DRAIN_CUT_OFF";

  constructor({ processed, unsettled }: DrainReport) {
    super(
      `the server was away when the drain ended: ${processed} processed, ${unsettled} unsettled, which come again when their lease is over`,
    );
  }
}
