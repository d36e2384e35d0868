import { connect } from "nats";
import { spawnBound } from "../../shared/nats-server/bound-child.ts";
import { script } from "../child.ts";
import type { BenchQueue } from "../jobs/options.ts";
import { fillQueue, makeQueue, removeQueue } from "../jobs/queue.ts";
import type { Measured } from "../measure.ts";
import { drain, openCaller } from "./calls.ts";
import { type Bench, deploy, FUNCTION } from "./deploy.ts";
import { cpuSecondsOf } from "./process-time.ts";
import { QueueClock } from "./queue-clock.ts";

/** As many as the subject "worker" of the rates. */
const CONCURRENCY = 256;
/** Enough for the compiler to have seen everything; done by the same processes before the clock runs. */
const WARM_UP = 20_000;

/** A backlog of jobs that do nothing, and how many processes there are for it. */
export interface BacklogSize {
  readonly messages: number;
  readonly processes: number;
}

/** Warm functions, each invoked again until the queue is empty; from their first pull. */
export async function drainByFunctions(bench: Bench, { messages, processes }: BacklogSize): Promise<Measured> {
  const queue = queueOf(bench, "BENCH_FUNCTIONS");
  await makeQueue(queue);
  const { lambda } = await deploy(bench, queue, "nothing");
  try {
    return await withClock(queue, async (clock) => {
      const warmUp = WARM_UP * processes;
      await fillQueue(queue, warmUp);
      await invokeUntilEmpty(lambda.endpoint, processes);
      await fillQueue(queue, messages, warmUp);
      const pids = lambda.environments(FUNCTION).flatMap(({ pid }) => pid ?? []);
      const cpuBefore = await cpuOf(pids);
      const { waiting } = await clock.downTo(messages);
      const firstPull = await clock.nextPull();
      const [startedAt, ended] = await Promise.all([
        firstPull(),
        clock.downTo(0),
        invokeUntilEmpty(lambda.endpoint, processes),
      ]);
      const starts = lambda.invocations.filter(({ cold }) => cold).length;
      if (starts !== processes) throw new Error(`${starts} environments were started, not ${processes}`);
      return measuredOf(waiting, ended.at - startedAt, (await cpuOf(pids)) - cpuBefore);
    });
  } finally {
    await lambda.close();
    await removeQueue(queue);
  }
}

/** As many workers, on the functions' own Node.js; from the moment at which what warms them up is done. */
export async function drainByWorkers(bench: Bench, { messages, processes }: BacklogSize): Promise<Measured> {
  const queue = queueOf(bench, "BENCH_WORKERS");
  await makeQueue(queue);
  await fillQueue(queue, WARM_UP * processes + messages);
  const children = Array.from({ length: processes }, () =>
    spawnBound(bench.node, [script("lambda/worker-process"), JSON.stringify(queue)], {}),
  );
  for (const child of children) child.stderr?.pipe(process.stderr);
  const pids = children.flatMap(({ pid }) => pid ?? []);
  try {
    return await withClock(queue, async (clock) => {
      const started = await clock.downTo(messages);
      const cpuBefore = await cpuOf(pids);
      const ended = await clock.downTo(0);
      return measuredOf(started.waiting, ended.at - started.at, (await cpuOf(pids)) - cpuBefore);
    });
  } finally {
    for (const child of children) child.kill("SIGKILL");
    await removeQueue(queue);
  }
}

function queueOf({ url }: Bench, stream: string): BenchQueue {
  return { url, stream, concurrency: CONCURRENCY };
}

async function withClock<T>(queue: BenchQueue, measure: (clock: QueueClock) => Promise<T>): Promise<T> {
  const connection = await connect({ servers: queue.url, name: "bench clock" });
  try {
    return await measure(await QueueClock.of(connection, queue));
  } finally {
    await connection.close();
  }
}

function measuredOf(messages: number, milliseconds: number, cpuSeconds: number): Measured {
  return { messages, seconds: milliseconds / 1_000, cpuSeconds };
}

/** Of all of them, in seconds. */
async function cpuOf(pids: readonly number[]): Promise<number> {
  const each = await Promise.all(pids.map(cpuSecondsOf));
  return each.reduce((sum, seconds) => sum + seconds, 0);
}

async function invokeUntilEmpty(endpoint: string, times: number): Promise<void> {
  const client = await openCaller(endpoint, times);
  const untilEmpty = async () => {
    while ((await drain(client)).reason !== "empty"); // its time was up
  };
  await Promise.all(Array.from({ length: times }, untilEmpty));
  client.destroy();
}
