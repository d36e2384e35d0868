import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { Worker } from "../../../functions/consumer/worker.ts";
import { Bucket } from "../../../shared/jetstream/buckets.ts";
import { defineHandler, type JobContext, type JobHandler, type JobMessage } from "../../../shared/jobs/handler.ts";
import { type Outcome, retry, retryAfter, snooze } from "../../../shared/jobs/outcome.ts";
import { eventually } from "../../support/eventually.ts";
import { takeMessage } from "../../support/second-holder.ts";
import { makeWorkerBench } from "../../support/worker.ts";

const RETRY = "retry: { policy: fixed, delay: 50ms, attempts: 3, crashes: 2, jitter: 0 }";

type Run = (message: JobMessage<Uint8Array>, context: JobContext) => Promise<Outcome | undefined>;

function handlerOf(run: Run): JobHandler {
  return defineHandler({ name: "test", input: "bytes", run });
}

/** A bench whose job has three attempts; the worker is started by the test. */
async function setup(t: TestContext, run: Run, job = RETRY) {
  const attempts: number[] = [];
  const handler = handlerOf(async (message, context) => {
    attempts.push(context.attempt);
    return run(message, context);
  });
  const bench = await makeWorkerBench(t, { handler, job: `handler: "handlers.js#handler", ackWait: 2s, ${job}` });
  const start = async (name = "worker-1") => {
    const worker = await Worker.start({ ...bench.options, worker: name });
    t.after(() => worker.stop(1_000));
    return worker;
  };
  const records = async () => (await Bucket.find(bench.connection, "CHORIA_RUNS"))?.keys() ?? [];
  const deadHeaders = async () => (await bench.jsm.streams.getMessage("CHORIA_DEAD", { seq: 1 })).header;
  return { ...bench, start, attempts, records, deadHeaders };
}

/** Makes streams and consumer, and leaves them without a worker. */
async function withoutWorker(start: () => Promise<Worker>): Promise<void> {
  const worker = await start();
  await worker.stop(1_000);
}

test("failed runs are counted one by one, and the last one makes the message dead with its count", async (t) => {
  const { start, put, attempts, deadHeaders, messages, records } = await setup(t, async () => retry());
  const worker = await start();

  await put("x");

  await eventually(() => assert.equal(worker.counters.of("work").settled.dead, 1));
  assert.deepEqual(attempts, [1, 2, 3]);
  const header = await deadHeaders();
  assert.deepEqual([header.get("Dead-Reason"), header.get("Dead-Attempts")], ["ATTEMPTS_SPENT", "3"]);
  assert.equal(await messages("IN"), 0);
  await eventually(async () => assert.deepEqual(await records(), [])); // nothing is left of a settled message
});

test("deliveries without a run cost no attempt", async (t) => {
  const { start, put, attempts, connection } = await setup(t, async () => undefined);
  await withoutWorker(start);
  await put("x");
  for (let delivery = 1; delivery <= 4; delivery++) {
    const taken = await takeMessage(connection, { stream: "IN", durable: "work", timeoutMs: 10_000 });
    assert.equal(taken?.deliveryCount, delivery);
    await taken.ack("-NAK");
  }

  const worker = await start();

  await eventually(() => assert.equal(worker.counters.of("work").settled.done, 1));
  assert.deepEqual(attempts, [1]);
});

test("a snooze costs no attempt, however often", async (t) => {
  let runs = 0;
  const { start, put, attempts } = await setup(t, async () => {
    runs += 1;
    return runs <= 5 ? snooze(20) : undefined;
  });
  const worker = await start();

  await put("x");

  await eventually(() => assert.equal(worker.counters.of("work").settled.done, 1));
  assert.deepEqual(attempts, [1, 1, 1, 1, 1, 1]);
  assert.equal(worker.counters.of("work").settled.snoozed, 5);
});

test("a run that a stop cut short costs no attempt", async (t) => {
  let isFirst = true;
  const { start, put, attempts } = await setup(t, async (_message, { signal }) => {
    if (!isFirst) return undefined;
    isFirst = false;
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    return undefined;
  });
  const first = await start("worker-1");
  await put("x");
  await eventually(() => assert.deepEqual(attempts, [1]));
  await first.stop(300);

  const second = await start("worker-2");

  await eventually(() => assert.equal(second.counters.of("work").settled.done, 1));
  assert.deepEqual(attempts, [1, 1]);
});

test("failures before a stop are known to the next worker", async (t) => {
  const { start, put, attempts } = await setup(
    t,
    async () => retry(),
    "retry: { policy: fixed, delay: 300ms, attempts: 3, jitter: 0 }",
  );
  const first = await start("worker-1");
  await put("x");
  await eventually(() => assert.equal(first.counters.of("work").settled.retried, 1));
  await first.stop(1_000);

  const second = await start("worker-2");

  await eventually(() => assert.equal(second.counters.of("work").settled.dead, 1));
  assert.deepEqual(attempts, [1, 2, 3]);
});

test("a message whose runs end with their process is dead as CRASHED, and no run more", async (t) => {
  const { start, put, attempts, deadHeaders, nats, options } = await setup(t, async () => new Promise(() => {}));
  await withoutWorker(start);
  await put("x");
  // A crash as the server sees it: the connection is gone in the middle of a run, and nothing more is said.
  for (let crash = 1; crash <= 3; crash++) {
    const connection = await nats.connect();
    const dying = await Worker.start({ ...options, connect: async () => connection, worker: `dying-${crash}` });
    await eventually(() => assert.equal(attempts.length, crash), { timeoutMs: 30_000 });
    await connection.close();
    await dying.stop(0);
  }

  const worker = await start();

  await eventually(() => assert.equal(worker.counters.of("work").settled.dead, 1), { timeoutMs: 30_000 });
  // The run of the first delivery leaves no mark: of three crashes two are known.
  assert.deepEqual(attempts, [1, 1, 2]);
  assert.equal((await deadHeaders()).get("Dead-Reason"), "CRASHED");
});

test("while the bucket takes nothing a failed message is held until its run can be noted; first runs go on", async (t) => {
  const { start, put, attempts, jsm } = await setup(t, async ({ data }, { attempt }) =>
    Buffer.from(data).toString() === "fails" && attempt === 1 ? retry() : undefined,
  );
  const worker = await start();
  await jsm.streams.update("KV_CHORIA_RUNS", { max_bytes: 1 });

  await put("fails");
  await put("fine");
  const { settled } = worker.counters.of("work");
  await eventually(() => assert.equal(settled.done, 1));
  assert.deepEqual([settled.retried, worker.held], [0, 1]);
  await jsm.streams.update("KV_CHORIA_RUNS", { max_bytes: -1 });

  await eventually(() => assert.equal(settled.done, 2));
  assert.deepEqual(attempts, [1, 1, 2]);
});

test("a bucket of runs that is gone is made anew, and no message waits for it", async (t) => {
  const { start, put, attempts, jsm } = await setup(t, async (_message, { attempt }) =>
    attempt < 2 ? retry() : undefined,
  );
  const worker = await start();
  await jsm.streams.delete("KV_CHORIA_RUNS");

  for (let index = 0; index < 5; index++) await put(`m${index}`);

  await eventually(() => assert.equal(worker.counters.of("work").settled.done, 5));
  assert.equal(attempts.length, 10);
});

test("a record that somebody has damaged counts as none, and harms nobody", async (t) => {
  const { start, put, attempts, records, connection, messages } = await setup(t, async (_message, { attempt }) =>
    attempt === 1 ? retryAfter(1_000) : undefined,
  );
  const worker = await start();
  await put("x");
  await eventually(() => assert.equal(worker.counters.of("work").settled.retried, 1));
  const kv = await connection.jetstream().views.kv("CHORIA_RUNS");
  const [key = ""] = await records();
  const record = (await kv.get(key))?.json<object>();

  await kv.put(key, JSON.stringify({ ...record, runs: 3, firstRunAt: "never" }));

  await eventually(() => assert.equal(attempts.length, 2));
  assert.equal(attempts[1], 1);
  await worker.stop(1_000);
  assert.equal(await messages("CHORIA_DEAD"), 0);
});
