import { runSubject } from "./child.ts";
import { enqueueNowAndThen, type Waits } from "./jobs/idle.ts";
import type { MemoryUse } from "./jobs/memory.ts";
import { fillQueue, makeQueue, removeQueue } from "./jobs/queue.ts";
import type { Limits } from "./results.ts";

const IDLE_JOBS = 2_000;
const DRAINS = 20;
const BACKLOG = {
  /** Some are done while the rest is being put: a tenth more, so that 100,000 wait at one moment. */
  count: 110_000,
  runMs: 20,
  idleMs: 10_000,
};
const CONCURRENCY = 64;

/** What is measured against a fixed bar, not against a floor; the bare pull loop's latency stands beside the worker's. */
export async function measureLimits(url: string, say: (line: string) => void): Promise<Limits> {
  const idle = async (what: "idle-floor" | "idle-worker"): Promise<readonly number[]> => {
    const place = { url, stream: what === "idle-floor" ? "BENCH_IDLE_FLOOR" : "BENCH_IDLE_WORKER" };
    await makeQueue(place);
    const task = { what, ...place, concurrency: CONCURRENCY, count: IDLE_JOBS };
    let enqueuing = Promise.resolve();
    const onReady = () => {
      enqueuing = enqueueNowAndThen(place, IDLE_JOBS);
    };
    const { waitsMs } = await runSubject<Waits>({ task, nodeOptions: [], onReady });
    await enqueuing;
    await removeQueue(place);
    return waitsMs;
  };
  say("idle latency: bare loop, then worker");
  const idleFloorMs = await idle("idle-floor");
  const idleWorkerMs = await idle("idle-worker");
  say("empty drains");
  const emptyDrainMs = await emptyDrains(url);
  say("memory with a backlog");
  return { idleFloorMs, idleWorkerMs, emptyDrainMs, memory: await memory(url), backlog: 100_000 };
}

async function emptyDrains(url: string): Promise<readonly number[]> {
  const place = { url, stream: "BENCH_DRAIN" };
  await makeQueue(place);
  const task = { what: "drain", ...place, concurrency: CONCURRENCY, count: DRAINS } as const;
  return (await runSubject<Waits>({ task, nodeOptions: [] })).waitsMs;
}

async function memory(url: string): Promise<MemoryUse> {
  const place = { url, stream: "BENCH_MEMORY" };
  await makeQueue(place);
  let filling = Promise.resolve();
  const onReady = () => {
    filling = fillQueue(place, BACKLOG.count);
  };
  const task = { what: "memory", ...place, concurrency: CONCURRENCY, ...BACKLOG } as const;
  const use = await runSubject<MemoryUse>({ task, nodeOptions: [], onReady });
  await filling;
  await removeQueue(place);
  return use;
}
