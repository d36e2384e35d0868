import { createRequire } from "node:module";
import { makeReport } from "../jobs/payload.ts";
import { type Measured, Meter } from "../measure.ts";

const QUEUE = "bench";
const JOBS_PER_CALL = 1_000;

/** Why BullMQ cannot run here, or null: it leaves the choice of a Redis client to who installs it. */
export function bullMqMissing(): string | null {
  const require = createRequire(import.meta.url);
  try {
    createRequire(require.resolve("bullmq")).resolve("ioredis");
    return null;
  } catch {
    return "BullMQ's Redis client, ioredis, is not installed";
  }
}

/** Puts `count` distinct jobs into an empty queue. */
export async function fillBullMq(port: number, count: number): Promise<void> {
  const { Queue } = await import("bullmq");
  const queue = new Queue(QUEUE, { connection: { host: "127.0.0.1", port } });
  await queue.obliterate({ force: true });
  for (let from = 0; from < count; from += JOBS_PER_CALL) {
    const numbers = Array.from({ length: Math.min(JOBS_PER_CALL, count - from) }, (_, place) => from + place);
    // Done jobs are removed, as our work queue removes them.
    const opts = { removeOnComplete: true };
    await queue.addBulk(numbers.map((number) => ({ name: "report", data: makeReport(number), opts })));
  }
  await queue.close();
}

/** BullMQ's worker with a handler that does nothing, from the first job completed to the last. */
export async function bullMqWorker(port: number, concurrency: number, count: number): Promise<Measured> {
  const { Worker } = await import("bullmq");
  const meter = new Meter(count, 1, () => {});
  const worker = new Worker(QUEUE, async () => {}, {
    connection: { host: "127.0.0.1", port, maxRetriesPerRequest: null },
    concurrency,
  });
  worker.on("completed", () => meter.count());
  worker.on("failed", (_job, error) => {
    throw error;
  });
  const measured = await meter.finished;
  await worker.close();
  return measured;
}
