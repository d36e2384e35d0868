import { drainOnce } from "../../functions/consumer/drain.ts";
import { OpenJobs } from "../../functions/consumer/open-jobs.ts";
import type { Waits } from "./idle.ts";
import { type BenchQueue, workerOptions } from "./options.ts";

/** How long draining an empty queue takes, each time over jobs that were just opened, as in a function that starts. */
export async function emptyDrains(queue: BenchQueue, count: number): Promise<Waits> {
  const waitsMs: number[] = [];
  for (let drained = 0; drained < count; drained += 1) {
    const opened = await OpenJobs.open(workerOptions(queue, async () => {}));
    const startedAt = performance.now();
    const report = await drainOnce(opened, { forMs: 10_000 });
    waitsMs.push(performance.now() - startedAt);
    if (report.reason !== "empty" || report.left !== 0) throw new Error(`no empty drain: ${JSON.stringify(report)}`);
    await opened.close();
  }
  return { waitsMs };
}
