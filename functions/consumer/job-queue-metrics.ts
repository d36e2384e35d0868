import type { Registry } from "prom-client";
import { JOB_QUEUE_METRICS } from "../../shared/telemetry/job-metrics.ts";
import { exposeSamples, type Sample } from "../../shared/telemetry/registry.ts";
import type { JobRunner } from "./consumer.ts";
import type { JobCounters } from "./counters.ts";
import type { QueueDepth, QueueWatch } from "./queue-watch.ts";
import type { Worker } from "./worker.ts";

const METRICS = JOB_QUEUE_METRICS;

type Counts = Readonly<Record<string, number>>;

/** Registers what a running worker knows of its queues besides received and settled messages. */
export function exposeJobQueue(registry: Registry, worker: Worker, watch: QueueWatch): void {
  const { jobs } = worker.counters;
  const counted = (read: (counters: JobCounters) => number) => () =>
    [...jobs].map(([job, counters]): Sample => ({ labels: [job], value: read(counters) }));
  const split = (read: (counters: JobCounters) => Counts, labelsOf: (key: string) => readonly string[]) => () =>
    [...jobs].flatMap(([job, counters]) =>
      Object.entries(read(counters)).map(([key, value]): Sample => ({ labels: [job, ...labelsOf(key)], value })),
    );
  const asked = (read: (consumer: JobRunner) => number) => () =>
    worker.consuming.jobs.map((consumer): Sample => ({ labels: [consumer.job.name], value: read(consumer) }));

  exposeSamples(
    registry,
    METRICS.crashed,
    counted(({ crashed }) => crashed),
  );
  exposeSamples(
    registry,
    METRICS.recordsUnavailable,
    counted(({ recordsUnavailable }) => recordsUnavailable),
  );
  exposeSamples(
    registry,
    METRICS.released,
    counted(({ released }) => released),
  );
  exposeSamples(
    registry,
    METRICS.swept,
    counted(({ swept }) => swept),
  );
  exposeSamples(
    registry,
    METRICS.requeued,
    counted(({ requeued }) => requeued),
  );
  exposeSamples(
    registry,
    METRICS.sweepFailed,
    counted(({ sweepFailed }) => sweepFailed),
  );
  exposeSamples(
    registry,
    METRICS.leaseRenewed,
    counted(({ leaseRenewed }) => leaseRenewed),
  );
  exposeSamples(
    registry,
    METRICS.deadByReason,
    split(
      ({ deadByReason }) => deadByReason,
      (reason) => [reason],
    ),
  );
  exposeSamples(
    registry,
    METRICS.sinkFailed,
    split(
      ({ publishFailed }) => publishFailed,
      (key) => key.split("/"),
    ),
  );
  exposeSamples(
    registry,
    METRICS.partitionChanges,
    split(
      ({ partitions }) => partitions,
      (change) => [change],
    ),
  );
  exposeSamples(
    registry,
    METRICS.partitionsOwned,
    counted(({ partitions: { taken, released, lost } }) => taken - released - lost),
  );
  exposeSamples(
    registry,
    METRICS.partitionsPaused,
    counted(({ partitions: { paused, resumed } }) => paused - resumed),
  );
  exposeSamples(
    registry,
    METRICS.heldBack,
    asked(({ heldBack }) => heldBack),
  );
  exposeSamples(
    registry,
    METRICS.prefetch,
    asked(({ prefetch }) => prefetch),
  );
  exposeSamples(
    registry,
    METRICS.paused,
    asked(({ isPaused }) => (isPaused ? 1 : 0)),
  );
  const deep = (read: (depth: QueueDepth) => number) => () =>
    [...watch.depths].map(([job, depth]): Sample => ({ labels: [job], value: read(depth) }));
  exposeSamples(
    registry,
    METRICS.pending,
    deep(({ pending }) => pending),
  );
  exposeSamples(
    registry,
    METRICS.inFlight,
    deep(({ inFlight }) => inFlight),
  );
  exposeSamples(
    registry,
    METRICS.oldestSeconds,
    deep(({ oldestSeconds }) => oldestSeconds),
  );
  exposeSamples(
    registry,
    METRICS.stranded,
    deep(({ stranded }) => stranded),
  );
  exposeSamples(registry, METRICS.delayed, () =>
    [...watch.delayed].map(([connection, value]): Sample => ({ labels: [connection], value })),
  );
  exposeSamples(registry, METRICS.eventLoopLag, () => [{ labels: [], value: worker.opened.lag.worstMs / 1_000 }]);
}
