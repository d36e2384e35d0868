import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { Worker } from "../../../functions/consumer/worker.ts";
import { parseConfig } from "../../../shared/config/load.ts";
import { defineHandler } from "../../../shared/jobs/handler.ts";
import { eventually } from "../../support/eventually.ts";
import { makeWorkerBench } from "../../support/worker.ts";

async function setup(t: TestContext, job: string, runMs = 0) {
  const starts: number[] = [];
  let [running, most] = [0, 0];
  const handler = defineHandler({
    name: "test",
    input: "bytes",
    run: async () => {
      starts.push(performance.now());
      running += 1;
      most = Math.max(most, running);
      await pause(runMs);
      running -= 1;
    },
  });
  const bench = await makeWorkerBench(t, { handler, job: `handler: "handlers.js#handler", ${job}` });
  return { ...bench, starts, most: () => most };
}

test("a rate limits how fast runs start, and holds no more than it can start soon", async (t) => {
  const { put, options, starts } = await setup(t, "rate: { perSecond: 10, burst: 2 }");
  const worker = await Worker.start(options);
  t.after(() => worker.stop(1_000));

  for (let index = 0; index < 22; index++) await put(`m${index}`);

  await eventually(() => assert.equal(worker.counters.of("work").settled.done, 22));
  const spanMs = (starts.at(-1) ?? 0) - (starts[0] ?? 0);
  assert.ok(spanMs >= 1_800, `22 runs started within ${Math.round(spanMs)} ms`);
  assert.ok(worker.consuming.jobs[0]!.prefetch <= 12, "prefetch");
});

test("one gate bounds the runs of all jobs together", async (t) => {
  const { put, options, nats, most } = await setup(t, "concurrency: 10", 50);
  const config = parseConfig(
    `
connections: { main: { servers: ["${nats.url}"] } }
trust: { v2: { trustedSigners: ["${"ab".repeat(32)}"] } }
streams:
  IN: { connection: main, subject: "in.{sender}", allowUnprovenSender: true }
  MORE: { connection: main, subject: "more.{sender}", allowUnprovenSender: true }
jobs:
  work: { stream: IN, handler: "handlers.js#handler", concurrency: 10 }
  other: { stream: MORE, handler: "handlers.js#handler", concurrency: 10 }
worker: { concurrency: 3 }
`,
    "test.yaml",
    {},
  );
  const worker = await Worker.start({ ...options, config });
  t.after(() => worker.stop(1_000));

  for (let index = 0; index < 12; index++) {
    await put(`m${index}`);
    await (await nats.connect()).jetstream().publish("more.n1", `m${index}`);
  }

  const done = () => worker.counters.of("work").settled.done + worker.counters.of("other").settled.done;
  await eventually(() => assert.equal(done(), 24));
  assert.equal(most(), 3);
});

/** A worker that runs one message at a time, with five in hand. */
async function setupAtTheGate(t: TestContext) {
  const { put, options, starts } = await setup(t, "concurrency: 10", 400);
  const config = { ...options.config, worker: { ...options.config.worker, concurrency: 1 } };
  const worker = await Worker.start({ ...options, config });
  t.after(() => worker.stop(1_000));
  const [job] = worker.consuming.jobs;
  for (let index = 0; index < 5; index++) await put(`m${index}`);
  await eventually(() => assert.equal(job?.held, 5));
  return { worker, job, starts, settled: worker.counters.of("work").settled };
}

test("messages that wait at the gate when a worker is told to stop are given back, not run", async (t) => {
  const { worker, starts, settled } = await setupAtTheGate(t);

  await worker.stop(5_000);

  assert.equal(starts.length, 1);
  assert.deepEqual([settled.done, settled.returned], [1, 4]);
});

test("messages that wait at the gate when their job is paused are given back, not run", async (t) => {
  const { job, starts, settled } = await setupAtTheGate(t);

  job?.pause();
  await eventually(() => assert.equal(job?.held, 0));

  assert.equal(starts.length, 1);
  assert.deepEqual([settled.done, settled.returned], [1, 4]);
});

test("a paused job gives back what waits, takes nothing, and goes on when it is resumed", async (t) => {
  const { put, options, jsm } = await setup(t, "concurrency: 1", 300);
  const worker = await Worker.start(options);
  t.after(() => worker.stop(1_000));
  const [job] = worker.consuming.jobs;
  const { settled } = worker.counters.of("work");
  for (let index = 0; index < 3; index++) await put(`m${index}`);
  await eventually(() => assert.equal(job?.running, 1));

  job?.pause();

  await eventually(() => assert.equal(job?.held, 0));
  assert.equal(settled.done, 1); // what was running has ended
  const { num_pending, num_ack_pending } = await jsm.consumers.info("IN", "work");
  assert.equal(num_pending + num_ack_pending, 2);
  await put("late");
  await pause(500);
  assert.equal(settled.done, 1);

  job?.resume();

  await eventually(() => assert.equal(settled.done, 4));
});
