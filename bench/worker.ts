import { runWorker } from "../functions/consumer/service.ts";
import { type BenchQueue, workerOptions } from "./jobs/options.ts";
import { type Measured, Meter } from "./measure.ts";

/** The project's worker as it runs in production, metrics and all, with a handler that does nothing. */
export async function benchWorker(queue: BenchQueue, count: number): Promise<Measured> {
  const meter = new Meter(count, 1, () => {});
  const service = await runWorker(
    workerOptions(queue, async () => {}),
    [
      (event) => {
        if (event.type !== "settled") return;
        if (event.outcome !== "done") throw new Error(`a job was ${event.outcome}: ${event.reason}`);
        meter.count();
      },
    ],
  );
  const measured = await meter.finished;
  await service.stop(5_000);
  return measured;
}
