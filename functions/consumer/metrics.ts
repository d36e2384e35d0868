import type { Registry } from "prom-client";
import type { MetricDefinition } from "../../shared/telemetry/definition.ts";
import { JOB_QUEUE_METRICS } from "../../shared/telemetry/job-metrics.ts";
import { WORKER_METRICS } from "../../shared/telemetry/metrics.ts";
import { exposeLatency, exposeSamples, observerOf, type Sample } from "../../shared/telemetry/registry.ts";
import type { JobCounters } from "./counters.ts";
import type { JobObserver } from "./events.ts";
import { exposeJobQueue } from "./job-queue-metrics.ts";
import type { QueueWatch } from "./queue-watch.ts";
import type { Worker } from "./worker.ts";
import type { WorkerLatency } from "./worker-reports.ts";

const METRICS = WORKER_METRICS;

/** Observes how long runs, messages and outputs take; pass it to the worker, whose other numbers are read at scrape. */
export function observeLatency(registry: Registry): JobObserver & WorkerLatency {
  const [runs, settled] = [
    exposeLatency(registry, METRICS.runSeconds),
    exposeLatency(registry, METRICS.latencySeconds),
  ];
  const [observeRun, observeSettled] = [observerOf(runs), observerOf(settled)];
  const observeSink = observerOf(exposeLatency(registry, JOB_QUEUE_METRICS.sinkSeconds));
  const observe: JobObserver = (event) => {
    if (event.type === "ran") observeRun(event.job, event.runMs / 1_000);
    else if (event.type === "settled") observeSettled(event.job, event.latencyMs / 1_000);
    else if (event.type === "published") observeSink(event.sink, event.writeMs / 1_000);
  };
  return Object.assign(observe, { runs, settled });
}

/** Registers every number a running worker counts. */
export function exposeWorker(registry: Registry, worker: Worker, watch: QueueWatch): void {
  const { jobs } = worker.counters;
  const outcomes = function* (): Iterable<Sample> {
    for (const [job, { settled }] of jobs) {
      for (const [outcome, value] of Object.entries(settled)) yield { labels: [job, outcome], value };
    }
  };

  exposeSamples(registry, METRICS.settled, outcomes);
  exposeSamples(registry, METRICS.held, () => [{ labels: [], value: worker.held }]);
  for (const [definition, read] of PER_JOB) exposeSamples(registry, definition, () => perJob(jobs, read));
  exposeJobQueue(registry, worker, watch);
}

type Read = (counters: JobCounters) => number;

const PER_JOB: readonly (readonly [MetricDefinition, Read])[] = [
  [METRICS.received, ({ received }) => received],
  [METRICS.published, ({ published }) => published],
  [METRICS.publishedDuplicates, ({ publishedDuplicates }) => publishedDuplicates],
  [METRICS.publishedMaybeDuplicates, ({ publishedMaybeDuplicates }) => publishedMaybeDuplicates],
  [METRICS.invalidInput, ({ invalidInput }) => invalidInput],
  [METRICS.ackUnconfirmed, ({ ackUnconfirmed }) => ackUnconfirmed],
  [METRICS.leaseOver, ({ leaseOver }) => leaseOver],
  [METRICS.deadLetterFailed, ({ deadLetterFailed }) => deadLetterFailed],
  [METRICS.pullTroubles, ({ pullTroubles }) => pullTroubles],
  [JOB_QUEUE_METRICS.crashed, ({ crashed }) => crashed],
  [JOB_QUEUE_METRICS.recordsUnavailable, ({ recordsUnavailable }) => recordsUnavailable],
  [JOB_QUEUE_METRICS.released, ({ released }) => released],
  [JOB_QUEUE_METRICS.swept, ({ swept }) => swept],
  [JOB_QUEUE_METRICS.requeued, ({ requeued }) => requeued],
  [JOB_QUEUE_METRICS.sweepFailed, ({ sweepFailed }) => sweepFailed],
  [JOB_QUEUE_METRICS.leaseRenewed, ({ leaseRenewed }) => leaseRenewed],
  [JOB_QUEUE_METRICS.partitionsOwned, ({ partitions: { taken, released, lost } }) => taken - released - lost],
  [JOB_QUEUE_METRICS.partitionsPaused, ({ partitions: { paused, resumed } }) => paused - resumed],
];

function* perJob(jobs: ReadonlyMap<string, JobCounters>, read: Read): Iterable<Sample> {
  for (const [job, counters] of jobs) yield { labels: [job], value: read(counters) };
}
