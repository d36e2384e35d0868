import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import * as z from "zod";
import { drainOnce } from "../../functions/consumer/drain.ts";
import { OpenJobs } from "../../functions/consumer/open-jobs.ts";
import { Worker } from "../../functions/consumer/worker.ts";
import { type BatchResult, defineBatchHandler, done, drop } from "../../shared/jobs/handler.ts";
import { eventually } from "../support/eventually.ts";
import { makeWorkerBench } from "../support/worker.ts";

interface Numbers {
  readonly maxMessages?: number;
  readonly maxWaitMs?: number;
  readonly before?: () => Promise<void>;
}

/** Batches of numbers: doubles each into `store`, omits the first run of a 7, drops a 9. */
async function setup(t: TestContext, { maxMessages = 5, maxWaitMs = 20, before = async () => {} }: Numbers = {}) {
  const sizes: number[] = [];
  const handler = defineBatchHandler({
    name: "numbers",
    input: z.number(),
    maxMessages,
    maxWaitMs,
    retry: { policy: "fixed", delayMs: 10, maxDelayMs: 10, attempts: 3, jitter: 0 },
    run: async (messages, context): Promise<readonly BatchResult[]> => {
      sizes.push(messages.length);
      await before();
      return messages.flatMap((message) => {
        const { id, data } = message;
        if (data === 9) return [{ id, outcome: drop("NINE") }];
        if (data === 7 && context.of(message).attempt === 1) return [];
        void context.of(message).publish("store", { data: data * 2 });
        return [{ id, outcome: done() }];
      });
    },
  });
  const bench = await makeWorkerBench(t, { handler, job: "handler: handlers.js#handler, concurrency: 2" });
  return { ...bench, sizes };
}

async function start(t: TestContext, options: Parameters<typeof Worker.start>[0]) {
  const worker = await Worker.start(options);
  t.after(() => worker.stop(2_000));
  const settled = () => worker.counters.of("work").settled;
  return { worker, settled };
}

test("messages come in batches, and each is settled as the list says", async (t) => {
  const { options, put, messages, sizes } = await setup(t);
  const { settled } = await start(t, options);

  for (const body of ["1", "7", "9", '"x"', "2", "3"]) await put(body, { "Nats-Msg-Id": `m${body}` });

  await eventually(() => {
    const { done: processed, retried, dropped, dead } = settled();
    assert.deepEqual({ processed, retried, dropped, dead }, { processed: 4, retried: 1, dropped: 1, dead: 1 });
  });
  assert.equal(await messages("IN"), 0);
  assert.equal(await messages("OUT"), 4);
  assert.equal(await messages("CHORIA_DEAD"), 1);
  assert.ok(Math.max(...sizes) <= 5, "a batch was too large");
});

test("a backlog is taken in full batches, and a drain does not wait for the last one to fill", async (t) => {
  const { options, put, messages, sizes } = await setup(t, { maxWaitMs: 60_000 });
  const opened = await OpenJobs.open(options);
  t.after(() => opened.close());
  for (let index = 0; index < 23; index++) await put("1", { "Nats-Msg-Id": `m${index}` });

  const report = await drainOnce(opened, { forMs: 30_000 });

  assert.equal(report.processed, 23);
  assert.equal(report.reason, "empty");
  assert.equal(report.left, 0);
  assert.equal(await messages("OUT"), 23);
  assert.deepEqual(sizes.slice(0, 4), [5, 5, 5, 5]);
  assert.equal(
    sizes.reduce((sum, size) => sum + size, 0),
    23,
  );
});

test("what waits for a batch to fill is given back at once when the worker stops", async (t) => {
  const { options, put, messages } = await setup(t, { maxWaitMs: 60_000 });
  const { worker } = await start(t, options);
  for (const body of ["1", "2", "3"]) await put(body);
  await eventually(() => assert.equal(worker.counters.of("work").received, 3));

  const report = await worker.stop(5_000);

  assert.equal(report.jobs["work"]?.settled.returned, 3);
  assert.equal(report.abandoned, 0);
  assert.equal(await messages("IN"), 3);
});

test("a stop lets a running batch end, and gives back those that wait behind it", async (t) => {
  let release = (): void => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const { options, put, messages, sizes } = await setup(t, {
    maxMessages: 2,
    maxWaitMs: 60_000, // a put that is slow must not make a batch of one
    before: () => gate,
  });
  const { worker } = await start(t, options);
  for (let index = 0; index < 8; index++) await put("1", { "Nats-Msg-Id": `m${index}` });
  await eventually(() => assert.equal(worker.counters.of("work").received, 8));

  const stopping = worker.stop(10_000);
  release();
  const report = await stopping;

  assert.deepEqual(sizes, [2, 2]);
  assert.equal(report.jobs["work"]?.settled.done, 4);
  assert.equal(report.jobs["work"]?.settled.returned, 4);
  assert.equal(report.abandoned, 0);
  assert.equal(await messages("IN"), 4);
});
