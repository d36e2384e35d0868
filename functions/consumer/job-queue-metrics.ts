import type { Registry } from "prom-client";
import type { MetricDefinition } from "../../shared/telemetry/definition.ts";
import { JOB_QUEUE_METRICS } from "../../shared/telemetry/job-metrics.ts";
import { exposeSamples, type Sample } from "../../shared/telemetry/registry.ts";
import type { JobRunner } from "./consumer.ts";
import type { JobCounters } from "./counters.ts";
import type { QueueWatch, WatchedDepth } from "./queue-watch.ts";
import type { Worker } from "./worker.ts";

const METRICS = JOB_QUEUE_METRICS;

type Row<T> = readonly [MetricDefinition, (of: T) => number];

/** Counts of a job that have another label besides, and how to read it from their key. */
const SPLIT: readonly (readonly [
  MetricDefinition,
  (counters: JobCounters) => Readonly<Record<string, number>>,
  (key: string) => readonly string[],
])[] = [
  [METRICS.deadByReason, ({ deadByReason }) => deadByReason, (reason) => [reason]],
  [METRICS.sinkFailed, ({ publishFailed }) => publishFailed, (key) => key.split("/")],
  [METRICS.partitionChanges, ({ partitions }) => partitions, (change) => [change]],
];

const RUNNERS: readonly Row<JobRunner>[] = [
  [METRICS.heldBack, ({ heldBack }) => heldBack],
  [METRICS.prefetch, ({ prefetch }) => prefetch],
  [METRICS.paused, ({ isPaused }) => (isPaused ? 1 : 0)],
];

const DEPTHS: readonly Row<WatchedDepth>[] = [
  [METRICS.pending, ({ pending }) => pending],
  [METRICS.inFlight, ({ inFlight }) => inFlight],
  [METRICS.oldestSeconds, ({ oldestSeconds }) => oldestSeconds],
  [METRICS.stranded, ({ stranded }) => stranded],
];

/** Registers what a running worker knows of its queues besides what it counts by job alone. */
export function exposeJobQueue(registry: Registry, worker: Worker, watch: QueueWatch): void {
  const { jobs } = worker.counters;
  for (const [definition, read, labelsOf] of SPLIT) {
    exposeSamples(registry, definition, () =>
      [...jobs].flatMap(([job, counters]) =>
        Object.entries(read(counters)).map(([key, value]): Sample => ({ labels: [job, ...labelsOf(key)], value })),
      ),
    );
  }
  for (const [definition, read] of RUNNERS) {
    exposeSamples(registry, definition, () =>
      worker.consuming.jobs.map((runner): Sample => ({ labels: [runner.job.name], value: read(runner) })),
    );
  }
  for (const [definition, read] of DEPTHS) {
    exposeSamples(registry, definition, () =>
      [...watch.depths].map(([job, depth]): Sample => ({ labels: [job], value: read(depth) })),
    );
  }
  exposeSamples(registry, METRICS.delayed, () =>
    [...watch.delayed].map(([connection, value]): Sample => ({ labels: [connection], value })),
  );
  exposeSamples(registry, METRICS.eventLoopLag, () => [{ labels: [], value: worker.opened.lag.worstMs / 1_000 }]);
}
