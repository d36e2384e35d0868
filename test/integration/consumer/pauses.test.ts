import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { drainOnce } from "../../../functions/consumer/drain.ts";
import { OpenJobs } from "../../../functions/consumer/open-jobs.ts";
import { runWorker } from "../../../functions/consumer/service.ts";
import { Worker } from "../../../functions/consumer/worker.ts";
import { Bucket } from "../../../shared/jetstream/buckets.ts";
import { pauseJob, resumeJob } from "../../../shared/jetstream/pause.ts";
import { readReports } from "../../../shared/jetstream/reports.ts";
import { eventually } from "../../support/eventually.ts";
import { makeWorkerBench } from "../../support/worker.ts";

async function setup(t: TestContext) {
  const bench = await makeWorkerBench(t);
  const spec = { name: "CHORIA_STATE", storage: "file", replicas: 1, maxAgeMs: 0 } as const;
  const bucket = await Bucket.open(bench.connection, spec);
  const target = { bucket, job: "work", consumer: { stream: "IN", durable: "work" } };
  const by = { by: "test", at: new Date(), until: null };
  const start = async () => {
    const worker = await Worker.start(bench.options);
    t.after(() => worker.stop(1_000));
    return worker;
  };
  return {
    ...bench,
    start,
    pause: () => pauseJob(bench.connection, target, by),
    resume: () => resumeJob(bench.connection, target),
  };
}

test("a running worker takes nothing of a paused job until it is resumed", async (t) => {
  const { start, put, pause: pauseIt, resume } = await setup(t);
  const worker = await start();
  const { settled } = worker.counters.of("work");

  await pauseIt();
  await eventually(() => assert.equal(worker.consuming.jobs[0]?.isPaused, true));
  await put("x");
  await pause(500);
  assert.equal(settled.done, 0);

  await resume();
  await eventually(() => assert.equal(settled.done, 1));
});

test("a pause survives the worker and the server", async (t) => {
  const { start, put, pause: pauseIt, resume, nats } = await setup(t);
  const first = await start();
  await pauseIt();
  await eventually(() => assert.equal(first.consuming.jobs[0]?.isPaused, true));
  await put("x");
  await first.stop(1_000);
  await nats.server.kill("SIGKILL");
  await nats.server.restart();

  const second = await start();

  assert.equal(second.consuming.jobs[0]?.isPaused, true);
  await pause(500);
  assert.equal(second.counters.of("work").settled.done, 0);
  await eventually(() => resume(), { timeoutMs: 40_000 });
  await eventually(() => assert.equal(second.counters.of("work").settled.done, 1));
});

test("a drain leaves a paused job alone", async (t) => {
  const { start, put, pause: pauseIt, options } = await setup(t);
  await (await start()).stop(1_000);
  await pauseIt();
  await put("x");
  const opened = await OpenJobs.open(options);
  t.after(() => opened.close());

  const report = await drainOnce(opened, { forMs: 20_000 });

  assert.deepEqual([report.processed, report.left, report.reason], [0, 1, "empty"]);
});

test("a worker's service reports what its jobs do, and takes the report away when it stops", async (t) => {
  const { options, put, connection } = await setup(t);
  const config = { ...options.config, worker: { ...options.config.worker, http: { host: "127.0.0.1", port: 0 } } };
  const service = await runWorker({ ...options, config });
  for (let index = 0; index < 3; index++) await put(`m${index}`);
  const spec = { name: "CHORIA_WORKERS", storage: "file", replicas: 1, maxAgeMs: 60_000 } as const;
  const bucket = await Bucket.open(connection, spec);

  await eventually(async () => {
    const [report] = await readReports(bucket);
    assert.equal(report?.settled["done"], 3);
    assert.deepEqual([report.job, report.worker], ["work", "test-worker"]);
  });
  await service.stop(1_000);

  assert.deepEqual(await readReports(bucket), []);
});

test("a pause that comes while a resume is under way wins", async (t) => {
  const { start, put } = await setup(t);
  const worker = await start();
  const [job] = worker.consuming.jobs;

  job?.pause();
  job?.resume();
  job?.pause();
  await pause(300);
  await put("x");
  await pause(500);

  assert.equal(job?.isPaused, true);
  assert.equal(worker.counters.of("work").settled.done, 0);
  job?.resume();
  await eventually(() => assert.equal(worker.counters.of("work").settled.done, 1));
});
