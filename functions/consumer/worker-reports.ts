import { hostname } from "node:os";
import type { Histogram } from "prom-client";
import { type JobReport, publishReports } from "../../shared/jetstream/reports.ts";
import { bucketsOf } from "../../shared/telemetry/registry.ts";
import type { JobRunner } from "./consumer.ts";
import type { Worker } from "./worker.ts";

/** Histograms by job, in seconds. */
export interface WorkerLatency {
  readonly runs: Histogram;
  readonly settled: Histogram;
}

const REPORT_EVERY_MS = 5_000;

/** Tells the other processes how this worker's jobs do; returns what ends it and takes the reports away. */
export function reportWorker(worker: Worker, latency: WorkerLatency): () => Promise<void> {
  const startedAt = Date.now();
  const ends = [...worker.opened.states.values()].map(({ workers, connection }) => {
    const runners = worker.consuming.jobs.filter(({ job }) => worker.opened.connectionOf(job.name) === connection);
    return publishReports({
      bucket: workers,
      worker: worker.opened.worker,
      everyMs: REPORT_EVERY_MS,
      read: async () => {
        const reports = runners.map(async (runner) => [runner.job.name, await reportOf(runner)] as const);
        return new Map(await Promise.all(reports));
      },
      onTrouble: (detail) => worker.log.debug({ detail }, "a report could not be written"),
    });
  });
  const reportOf = async (runner: JobRunner): Promise<JobReport> => {
    const { job, held, running, prefetch } = runner;
    return {
      host: hostname(),
      pid: process.pid,
      startedAt,
      at: Date.now(),
      held,
      running,
      prefetch,
      loopLagMs: Math.round(worker.opened.lag.worstMs),
      settled: worker.counters.of(job.name).settled,
      latency: await bucketsOf(latency.settled, { job: job.name }),
      run: await bucketsOf(latency.runs, { job: job.name }),
      pausedPartitions: [],
    };
  };
  return async () => {
    await Promise.all(ends.map((end) => end()));
  };
}
