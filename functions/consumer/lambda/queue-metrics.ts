import { manage } from "../../../shared/jetstream/manager.ts";
import { queueDepth } from "../../../shared/jetstream/queue-depth.ts";
import {
  type EmbeddedMetric,
  embeddedMetricsLine,
  type MetricOutput,
} from "../../../shared/runtime/embedded-metrics.ts";
import { within } from "../../../shared/time/within.ts";
import type { JobCounters } from "../counters.ts";
import type { OpenJobs } from "../open-jobs.ts";
import type { WatchedQueue } from "../queue-watch.ts";
import { REQUEUED, type SweepReport } from "../sweep-once.ts";

/** Asking must not cost an invocation its answer. */
const ASK_MS = 500;

/** What a drain did to each of its jobs, and what waits there still. Never rejects: a metric is not worth an invocation. */
export async function writeDrained(
  opened: OpenJobs,
  counters: ReadonlyMap<string, JobCounters>,
  output: MetricOutput,
): Promise<void> {
  const { service } = output;
  if (service === null) return;
  const queues = opened.queues.filter(({ job }) => counters.has(job));
  const lines = queues.map(async (queue) => {
    const metrics = [...drained(counters.get(queue.job)), ...(await waiting(queue).catch(() => []))];
    output.write(
      embeddedMetricsLine({ atMs: output.wallNow(), dimensions: { Service: service, Job: queue.job }, metrics }),
    );
  });
  await within(Promise.allSettled(lines), ASK_MS);
}

/** What a sweep found and took to the dead letters, and what it had to leave: each of them is news. */
export function writeSwept({ swept, streams }: SweepReport, { service, write, wallNow }: MetricOutput): void {
  if (service === null) return;
  const found = Object.values(swept).flatMap((counts) =>
    Object.entries(counts).flatMap(([how, count]) => (how === REQUEUED ? [] : [count])),
  );
  const left = Object.values(streams).map(({ stranded }) => stranded);
  const metrics: readonly EmbeddedMetric[] = [
    { name: "Swept", unit: "Count", value: sum(found) },
    { name: "Stranded", unit: "Count", value: sum(left) },
  ];
  write(embeddedMetricsLine({ atMs: wallNow(), dimensions: { Service: service, Function: "sweeper" }, metrics }));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function drained(counters: JobCounters | undefined): readonly EmbeddedMetric[] {
  if (counters === undefined) return [];
  const { done, retried, parked, dead, returned } = counters.settled;
  return [
    { name: "Processed", unit: "Count", value: done },
    { name: "Retried", unit: "Count", value: retried + parked },
    { name: "Dead", unit: "Count", value: dead },
    { name: "Returned", unit: "Count", value: returned },
  ];
}

async function waiting({
  connection,
  queue,
  isWorkQueue,
  serverNow,
}: WatchedQueue): Promise<readonly EmbeddedMetric[]> {
  const depth = await queueDepth(await manage(connection), { ...queue, isWorkQueue }, serverNow());
  if (depth === null) return [];
  return [
    { name: "Pending", unit: "Count", value: depth.pending + depth.inFlight },
    { name: "OldestMessageAge", unit: "Seconds", value: depth.oldestSeconds },
  ];
}
