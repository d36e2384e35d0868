import { setTimeout as wait } from "node:timers/promises";
import { connect, type NatsConnection } from "nats";
import { runWorker } from "../../functions/consumer/service.ts";
import { pullAndConfirm } from "../floor-worker.ts";
import { runOfNow, waitMs } from "./moment.ts";
import { type BenchQueue, workerOptions } from "./options.ts";
import { makeReport } from "./payload.ts";
import { jobMessage, type QueuePlace } from "./queue.ts";

/** How long each job took from being enqueued to the start of its run, milliseconds. */
export interface Waits {
  readonly waitsMs: readonly number[];
}

/** Jobs come one at a time, 5 to 15 ms apart: whoever takes them is idle in between. */
export async function enqueueNowAndThen({ url, stream }: QueuePlace, count: number): Promise<void> {
  const connection = await connect({ servers: url });
  const js = connection.jetstream();
  for (let sent = 0; sent < count; sent += 1) {
    await wait(5 + Math.random() * 10);
    const { subject, headers } = jobMessage(stream, sent);
    await js.publish(subject, JSON.stringify({ ...makeReport(sent), run: runOfNow() }), { headers });
  }
  await connection.close();
}

export async function idleWorker(queue: BenchQueue, count: number, onReady: () => void): Promise<Waits> {
  const waits = collect(count);
  const service = await runWorker(workerOptions(queue, async ({ run }) => waits.add(waitMs(run))));
  onReady();
  const waitsMs = await waits.all;
  await service.stop(5_000);
  return { waitsMs };
}

/** The bare pull loop; it reads of the message what it needs for the clock. */
export async function idleFloor(place: QueuePlace, count: number, onReady: () => void): Promise<Waits> {
  const waits = collect(count);
  const connection: NatsConnection = await connect({ servers: place.url });
  pullAndConfirm(connection, place, {
    onMessage: (message) => waits.add(waitMs(message.json<{ run: string }>().run)),
    onConfirmed: () => {},
  });
  await connection.flush();
  onReady();
  const waitsMs = await waits.all;
  await connection.close();
  return { waitsMs };
}

function collect(count: number) {
  const values: number[] = [];
  let finish: (values: readonly number[]) => void = () => {};
  const all = new Promise<readonly number[]>((resolve) => {
    finish = resolve;
  });
  const add = (value: number): void => {
    values.push(value);
    if (values.length === count) finish(values);
  };
  return { add, all };
}
