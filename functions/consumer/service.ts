import { Registry } from "prom-client";
import { startTelemetry, type TelemetryServer } from "../../shared/telemetry/http.ts";
import { within } from "../../shared/time/within.ts";
import type { JobObserver } from "./events.ts";
import { exposeWorker, observeLatency } from "./metrics.ts";
import type { OpenJobsOptions } from "./open-jobs.ts";
import { QueueWatch } from "./queue-watch.ts";
import { Worker, type WorkerReport } from "./worker.ts";
import { reportWorker } from "./worker-reports.ts";

/** Reports that cannot be taken away now are gone within a minute. */
const REPORTS_END_MS = 1_000;

export interface WorkerService {
  readonly worker: Worker;
  readonly telemetryUrl: string;
  /** Stops within `deadlineMs`; health and metrics are served until then. */
  stop(deadlineMs: number): Promise<WorkerReport>;
}

/** Runs a worker as a service: streams and consumers made or checked, metrics and health served. */
export async function runWorker(
  options: OpenJobsOptions,
  observers: readonly JobObserver[] = [],
): Promise<WorkerService> {
  const registry = new Registry();
  const latency = observeLatency(registry);
  const worker = await Worker.start(options, [latency, ...observers]);
  const watch = new QueueWatch(worker.opened.queues, [...worker.opened.states.values()]);
  exposeWorker(registry, worker, watch);
  const telemetry = await serve(options, registry, worker);
  const endReports = reportWorker(worker, latency);
  const jobs = worker.opened.jobs.map(({ name }) => name);
  options.log.info({ telemetry: telemetry.url, jobs }, "the worker is consuming");
  return {
    worker,
    telemetryUrl: telemetry.url,
    async stop(deadlineMs) {
      watch.close();
      await within(endReports(), REPORTS_END_MS);
      const report = await worker.stop(deadlineMs);
      await telemetry.close();
      return report;
    },
  };
}

/** A port that is taken must not leave a worker running that nobody can stop. */
async function serve({ config }: OpenJobsOptions, registry: Registry, worker: Worker): Promise<TelemetryServer> {
  try {
    return await startTelemetry(config.worker.http, registry, () => worker.readiness());
  } catch (error) {
    await worker.stop(config.worker.shutdownTimeout);
    throw error;
  }
}
