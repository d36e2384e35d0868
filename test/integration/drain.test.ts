import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { drainOnce } from "../../functions/consumer/drain.ts";
import { OpenJobs } from "../../functions/consumer/open-jobs.ts";
import { Worker } from "../../functions/consumer/worker.ts";
import { dead, defineHandler, drop, retryAfter } from "../../shared/jobs/handler.ts";
import { eventually } from "../support/eventually.ts";
import { type BenchOptions, makeWorkerBench, type WorkerBench } from "../support/worker.ts";

async function setup(t: TestContext, options: BenchOptions = {}): Promise<WorkerBench & { opened: OpenJobs }> {
  const bench = await makeWorkerBench(t, options);
  const opened = await OpenJobs.open(bench.options);
  t.after(() => opened.close());
  return { ...bench, opened };
}

const nothing = { processed: 0, retried: 0, dead: 0, dropped: 0, returned: 0, unsettled: 0, left: 0, reason: "empty" };

test("an empty queue is drained at once", async (t) => {
  const { opened } = await setup(t);
  const started = performance.now();

  const report = await drainOnce(opened, { forMs: 10_000 });

  assert.deepEqual(report, nothing);
  assert.ok(performance.now() - started < 1_000, "it waited");
});

test("a drain processes what is there, and reports what became of it", async (t) => {
  const handler = defineHandler({
    name: "mixed",
    input: "bytes",
    run: async (message) => {
      const text = Buffer.from(message.data).toString();
      if (text === "dead") return dead("BROKEN");
      if (text === "drop") return drop("stale");
      if (text === "later") return retryAfter(60_000);
      return undefined;
    },
  });
  const { opened, put, messages } = await setup(t, { handler });
  for (const text of ["dead", "drop", "later"]) await put(text);
  for (let index = 0; index < 300; index++) await put(`fine ${index}`);

  const report = await drainOnce(opened, { forMs: 20_000 });

  assert.deepEqual(report, { ...nothing, processed: 300, dead: 1, dropped: 1, retried: 1, left: 1 });
  assert.equal(await messages("IN"), 1);
  assert.equal(await messages("CHORIA_DEAD"), 1);
});

test("a drain ends by its deadline, gives back what it could not finish, and says what is left", async (t) => {
  const handler = defineHandler({
    name: "slow",
    input: "bytes",
    run: (_message, { signal }) => new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve())),
  });
  const { opened, put } = await setup(t, { handler, job: 'handler: "handlers.js#handler", concurrency: 4' });
  for (let index = 0; index < 20; index++) await put(`m${index}`);
  const started = performance.now();

  const report = await drainOnce(opened, { forMs: 1_500 });

  assert.ok(performance.now() - started < 6_000, "it did not end");
  assert.equal(report.reason, "deadline");
  assert.equal(report.processed, 0);
  assert.equal(report.returned, 8);
  assert.equal(report.unsettled, 0);
  assert.equal(report.left, 20);
});

test("a drain leaves no pull behind: what comes next goes to another worker at once", async (t) => {
  const { opened, put, options } = await setup(t);
  await drainOnce(opened, { forMs: 5_000 });

  await put("next", { "Nats-Msg-Id": "m1" });
  const worker = await Worker.start(options);
  t.after(() => worker.stop(1_000));

  await eventually(() => assert.equal(worker.counters.of("work").settled.done, 1), { timeoutMs: 20_000 });
});

test("one set of open jobs can be drained again and again, as in a function that stays warm", async (t) => {
  const { opened, put, messages } = await setup(t);

  for (let round = 1; round <= 3; round++) {
    await put(`round ${round}`, { "Nats-Msg-Id": `m${round}` });
    assert.equal((await drainOnce(opened, { forMs: 5_000 })).processed, 1);
  }

  assert.equal(await messages("OUT"), 3);
});

test("a drain that is told to stop says so", async (t) => {
  const handler = defineHandler({ name: "endless", input: "bytes", run: () => new Promise<void>(() => {}) });
  const { opened, put } = await setup(t, { handler });
  await put("x");

  const stop = new AbortController();
  setTimeout(() => stop.abort(), 200);

  const report = await drainOnce(opened, { forMs: 20_000, stop: stop.signal });

  assert.equal(report.reason, "stopped");
  assert.equal(report.returned, 1);
});

test("a drain ends by its deadline when the server does not answer, and does not call that empty", async (t) => {
  const { opened, nats } = await setup(t);
  await nats.server.kill("SIGSTOP");
  t.after(() => nats.server.kill("SIGCONT"));
  const started = performance.now();

  const report = await drainOnce(opened, { forMs: 3_000 });

  const tookMs = performance.now() - started;
  assert.ok(tookMs < 4_500, `it took ${Math.round(tookMs)} ms`);
  assert.deepEqual([report.reason, report.left], ["deadline", null]);
});
