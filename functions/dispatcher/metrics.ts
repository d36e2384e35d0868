import type { Registry } from "prom-client";
import type { MetricDefinition } from "../../shared/telemetry/definition.ts";
import { DISPATCHER_METRICS } from "../../shared/telemetry/dispatcher-metrics.ts";
import { exposeSamples, type Sample } from "../../shared/telemetry/registry.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { JobDispatch } from "./scaling/job-dispatch.ts";
import { JOB_STATES } from "./scaling/job-state.ts";

const METRICS = DISPATCHER_METRICS;

/** Null: not known, and not shown rather than shown as it was. */
const PER_JOB: readonly (readonly [MetricDefinition, (job: JobDispatch) => number | null])[] = [
  [METRICS.inFlight, ({ inFlight }) => inFlight],
  [METRICS.wanted, ({ wanted }) => wanted],
  [METRICS.pending, ({ reading }) => reading?.pending ?? null],
  [METRICS.oldestSeconds, ({ reading }) => oldestSeconds(reading)],
  [METRICS.woken, ({ counters }) => counters.woken],
  [METRICS.pollingOnly, ({ isDeaf }) => (isDeaf ? 1 : 0)],
  [METRICS.readFailed, ({ counters }) => counters.readFailed],
];

const SPLIT: readonly (readonly [MetricDefinition, (job: JobDispatch) => Readonly<Record<string, number>>])[] = [
  [METRICS.invocations, ({ counters }) => counters.invocations],
  [METRICS.drained, ({ counters }) => counters.drained],
  [METRICS.state, ({ state }) => Object.fromEntries(JOB_STATES.map((each) => [each, each === state ? 1 : 0]))],
];

/** Registers every number a running dispatcher counts. */
export function exposeDispatcher(registry: Registry, dispatcher: Dispatcher): void {
  for (const [definition, read] of PER_JOB) {
    exposeSamples(registry, definition, () =>
      dispatcher.jobs.flatMap((job): readonly Sample[] => {
        const value = read(job);
        return value === null ? [] : [{ labels: [job.name], value }];
      }),
    );
  }
  for (const [definition, read] of SPLIT) {
    exposeSamples(registry, definition, () =>
      dispatcher.jobs.flatMap((job) =>
        Object.entries(read(job)).map(([key, value]): Sample => ({ labels: [job.name, key], value })),
      ),
    );
  }
}

function oldestSeconds(reading: JobDispatch["reading"]): number | null {
  if (reading === null) return null;
  if (reading.pending === 0) return 0;
  return reading.oldestMs === null ? null : reading.oldestMs / 1_000;
}
