import { nextMessage } from "../../../shared/jetstream/browse.ts";
import { queueState } from "../../../shared/jetstream/job-queue.ts";
import { manage } from "../../../shared/jetstream/manager.ts";
import {
  type EmbeddedMetric,
  embeddedMetricsLine,
  type MetricOutput,
} from "../../../shared/runtime/embedded-metrics.ts";
import { within } from "../../../shared/time/within.ts";
import type { JobCounters } from "../counters.ts";
import type { OpenJobs } from "../open-jobs.ts";
import type { WatchedQueue } from "../queue-watch.ts";
import type { SweepReport } from "../sweep-once.ts";

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

/** Messages that nobody will be handed any more: after a sweep there should be none. */
export function writeStranded({ streams }: SweepReport, { service, write, wallNow }: MetricOutput): void {
  if (service === null) return;
  const value = Object.values(streams).reduce((sum, { stranded }) => sum + stranded, 0);
  const metrics: readonly EmbeddedMetric[] = [{ name: "Stranded", unit: "Count", value }];
  write(embeddedMetricsLine({ atMs: wallNow(), dimensions: { Service: service, Function: "sweeper" }, metrics }));
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
  const jsm = await manage(connection);
  const state = await queueState(jsm, queue);
  if (state === null) return [];
  // Everything in a work queue is unsettled; elsewhere only what is past the consumer's ack floor.
  const fromSequence = isWorkQueue ? 1 : state.ackFloor + 1;
  const oldest = await nextMessage(jsm, { stream: queue.stream, subject: queue.filter, fromSequence });
  const ageMs = oldest === null ? 0 : Math.max(0, serverNow() - oldest.storedAt.getTime());
  return [
    { name: "Pending", unit: "Count", value: state.pending + state.inFlight },
    { name: "OldestMessageAge", unit: "Seconds", value: ageMs / 1_000 },
  ];
}
