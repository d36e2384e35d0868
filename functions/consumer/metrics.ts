import type { Registry } from "prom-client";
import { WORKER_METRICS } from "../../shared/telemetry/metrics.ts";
import { exposeLatency, exposeSamples, type Sample } from "../../shared/telemetry/registry.ts";
import type { JobCounters } from "./counters.ts";
import type { JobObserver } from "./events.ts";
import type { Worker } from "./worker.ts";

const METRICS = WORKER_METRICS;

/** Observes how long runs take and how long messages wait; pass it to the worker, whose other numbers are read at scrape. */
export function observeLatency(registry: Registry): JobObserver {
  const runs = exposeLatency(registry, METRICS.runSeconds);
  const latency = exposeLatency(registry, METRICS.latencySeconds);
  return (event) => {
    if (event.type === "ran") runs.observe({ job: event.job }, event.runMs / 1_000);
    else if (event.type === "settled") latency.observe({ job: event.job }, event.latencyMs / 1_000);
  };
}

/** Registers every number a running worker counts. */
export function exposeWorker(registry: Registry, worker: Worker): void {
  const { jobs } = worker.counters;
  const plain = (read: (counters: JobCounters) => number) =>
    function* (): Iterable<Sample> {
      for (const [job, counters] of jobs) yield { labels: [job], value: read(counters) };
    };
  const outcomes = function* (): Iterable<Sample> {
    for (const [job, { settled }] of jobs) {
      for (const [outcome, value] of Object.entries(settled)) yield { labels: [job, outcome], value };
    }
  };

  exposeSamples(registry, METRICS.settled, outcomes);
  exposeSamples(registry, METRICS.held, () => [{ labels: [], value: worker.held }]);
  exposeSamples(
    registry,
    METRICS.received,
    plain(({ received }) => received),
  );
  exposeSamples(
    registry,
    METRICS.published,
    plain(({ published }) => published),
  );
  exposeSamples(
    registry,
    METRICS.publishedDuplicates,
    plain(({ publishedDuplicates }) => publishedDuplicates),
  );
  exposeSamples(
    registry,
    METRICS.invalidInput,
    plain(({ invalidInput }) => invalidInput),
  );
  exposeSamples(
    registry,
    METRICS.ackUnconfirmed,
    plain(({ ackUnconfirmed }) => ackUnconfirmed),
  );
  exposeSamples(
    registry,
    METRICS.leaseOver,
    plain(({ leaseOver }) => leaseOver),
  );
  exposeSamples(
    registry,
    METRICS.deadLetterFailed,
    plain(({ deadLetterFailed }) => deadLetterFailed),
  );
  exposeSamples(
    registry,
    METRICS.pullTroubles,
    plain(({ pullTroubles }) => pullTroubles),
  );
}
