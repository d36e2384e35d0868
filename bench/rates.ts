import { spawn } from "node:child_process";
import { statSync } from "node:fs";
import { connect, RetentionPolicy, StorageType } from "nats";
import { runSubject, script } from "./child.ts";
import { BODY_BYTES, fillQueue, makeQueue, removeQueue } from "./jobs/queue.ts";
import { type Load, SUBJECT } from "./load.ts";
import type { Measured } from "./measure.ts";
import { fillBullMq } from "./redis/bullmq.ts";
import type { Sizes } from "./results.ts";

/** Something whose rate and CPU time are measured, in rounds. `nodeOptions` go to the measured process. */
export interface RateSubject {
  readonly name: string;
  readonly measure: (nodeOptions: readonly string[]) => Promise<Measured>;
  /** After a measurement. */
  readonly sizes: () => Promise<Sizes>;
}

const WARM_UP = 4_000;
const JOBS = 150_000;
/** Enough for the server to have always something under way; and what BullMQ is compared at. */
const CONCURRENCY = { own: 256, compared: 100 };

/** Bare bridge and the project's, on the same signed load. */
export function bridgeSubjects(url: string, protocol: "v1" | "v2", load: Load): readonly RateSubject[] {
  return (["floor-bridge", "bridge"] as const).map((what) => {
    const stream = `BENCH_${what.toUpperCase().replace("-", "_")}_${protocol.toUpperCase()}`;
    return {
      name: `${what} ${protocol}`,
      measure: async (nodeOptions) => {
        await makeStream(url, stream);
        const publish = () => {
          spawn(process.execPath, [script("publisher"), url, SUBJECT, load.file], { stdio: "inherit" });
        };
        const task = { ...load, what, url, protocol, stream, warmUp: WARM_UP };
        return runSubject<Measured>({ task, nodeOptions, onReady: publish });
      },
      sizes: async () => ({
        wireBytes: statSync(load.file).size / load.count,
        storedBytes: await storedBytes(url, stream),
      }),
    };
  });
}

/** Bare pull loops and the project's worker, the latter also as it is compared with BullMQ's. */
export function workerSubjects(url: string): readonly RateSubject[] {
  const subject = (
    name: string,
    what: "floor-worker" | "floor-consume" | "worker",
    concurrency: number,
  ): RateSubject => ({
    name,
    sizes: jobSizes,
    measure: async (nodeOptions) => {
      const place = { url, stream: `BENCH_${name.toUpperCase().replaceAll(/\W/g, "_")}` };
      await makeQueue(place);
      await fillQueue(place, JOBS);
      const measured = await runSubject<Measured>({ task: { what, ...place, concurrency, count: JOBS }, nodeOptions });
      await removeQueue(place);
      return measured;
    },
  });
  return [
    subject("floor-worker", "floor-worker", CONCURRENCY.own),
    subject("floor-consume", "floor-consume", CONCURRENCY.own),
    subject("worker", "worker", CONCURRENCY.own),
    subject("worker at 100", "worker", CONCURRENCY.compared),
  ];
}

/** BullMQ's worker on the Redis at that port, with as many jobs of the same kind. */
export function bullMqSubject(port: number): RateSubject {
  return {
    name: "bullmq at 100",
    sizes: jobSizes,
    measure: async (nodeOptions) => {
      await fillBullMq(port, JOBS);
      const task = { what: "bullmq", port, concurrency: CONCURRENCY.compared, count: JOBS } as const;
      return runSubject<Measured>({ task, nodeOptions });
    },
  };
}

async function jobSizes(): Promise<Sizes> {
  return { wireBytes: BODY_BYTES, storedBytes: BODY_BYTES };
}

/** Mean size of a stored message, headers and the store's own overhead included. */
async function storedBytes(url: string, name: string): Promise<number> {
  const connection = await connect({ servers: url });
  const { state } = await (await connection.jetstreamManager()).streams.info(name);
  await connection.close();
  return state.bytes / state.messages;
}

/** The same stream for floor and project, empty: a new one each time, so that nothing is a duplicate. */
async function makeStream(url: string, name: string): Promise<void> {
  const connection = await connect({ servers: url });
  const jsm = await connection.jetstreamManager();
  await jsm.streams.delete(name).catch(() => {});
  const retention = RetentionPolicy.Workqueue;
  await jsm.streams.add({ name, subjects: [`bench.${name}.>`], retention, storage: StorageType.File });
  await connection.close();
}
