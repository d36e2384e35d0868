import { setTimeout as wait } from "node:timers/promises";
import { runWorker } from "../../functions/consumer/service.ts";
import { type BenchQueue, workerOptions } from "./options.ts";

/** Resident memory of one worker, bytes, first without and then with work waiting. */
export interface MemoryUse {
  readonly idle: readonly number[];
  readonly busy: readonly number[];
}

export interface Backlog {
  readonly count: number;
  /** How long a job runs: long enough for the backlog to last through the measurement. */
  readonly runMs: number;
  readonly idleMs: number;
}

const SAMPLE_EVERY_MS = 50;

/**
 * Samples the worker's own resident memory: idle after its start, then from the moment the backlog is being put until all
 * of it is done. Nothing is collected by force and nothing taken off: what the garbage collector leaves is in it.
 */
export async function memoryUse(queue: BenchQueue, backlog: Backlog, onReady: () => void): Promise<MemoryUse> {
  let settled = 0;
  const service = await runWorker(
    workerOptions(queue, () => wait(backlog.runMs)),
    [
      (event) => {
        if (event.type === "settled") settled += 1;
      },
    ],
  );
  const idleUntil = performance.now() + backlog.idleMs;
  const idle = await sampleWhile(() => performance.now() < idleUntil);
  onReady();
  const busy = await sampleWhile(() => settled < backlog.count);
  await service.stop(5_000);
  return { idle, busy };
}

async function sampleWhile(goesOn: () => boolean): Promise<readonly number[]> {
  const samples: number[] = [];
  while (goesOn()) {
    samples.push(process.memoryUsage.rss());
    await wait(SAMPLE_EVERY_MS);
  }
  return samples;
}
