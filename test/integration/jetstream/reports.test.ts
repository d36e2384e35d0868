import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { Bucket } from "../../../shared/jetstream/buckets.ts";
import { type JobReport, publishReports, readReports } from "../../../shared/jetstream/reports.ts";
import { eventually } from "../../support/eventually.ts";
import { startNats } from "../../support/nats.ts";

async function setup(t: TestContext) {
  const nats = await startNats(t);
  const connection = await nats.connect();
  const bucket = await Bucket.open(connection, { name: "T_WORKERS", storage: "file", replicas: 1, maxAgeMs: 60_000 });
  return { nats, bucket };
}

function makeReport(done: number, at: number): JobReport {
  return {
    ...{ host: "web1.example.net", pid: 7, startedAt: 1_000, at, held: 3, running: 2, prefetch: 8, loopLagMs: 1.5 },
    settled: { done, dead: 0 },
    latency: new Map([
      [0.5, done],
      [Number.POSITIVE_INFINITY, done],
    ]),
    run: new Map([[Number.POSITIVE_INFINITY, done]]),
    pausedPartitions: [4],
  };
}

test("a worker's reports are read back as they were, with the counts of the last minute", async (t) => {
  const { bucket } = await setup(t);
  let done = 0;
  const read = async () => {
    done += 10;
    return new Map([["work", makeReport(done, 1_000 + done * 100)]]);
  };
  const stop = publishReports({ bucket, worker: "w1", everyMs: 50, read, onTrouble: () => {} });
  t.after(stop);

  const [report] = await eventually(async () => {
    const reports = await readReports(bucket);
    assert.ok((reports[0]?.settled.done ?? 0) >= 30, "three reports were written");
    return reports;
  });

  assert.ok(report !== undefined);
  const { recent, ...whole } = report;
  const total = whole.settled.done ?? 0;
  assert.deepEqual(whole, { ...makeReport(total, 1_000 + total * 100), job: "work", worker: "w1" });
  assert.deepEqual(recent.settled, { done: total - 10, dead: 0 });
  assert.equal(recent.spanMs, (total - 10) * 100);
  assert.equal(recent.latency.get(Number.POSITIVE_INFINITY), total - 10);
});

test("a worker that ends takes its reports away, and another's stay", async (t) => {
  const { bucket } = await setup(t);
  const read = async () => new Map([["work", makeReport(1, 2_000)]]);
  const settings = { bucket, everyMs: 60_000, read, onTrouble: () => {} };
  const stopFirst = publishReports({ ...settings, worker: "w1" });
  const stopSecond = publishReports({ ...settings, worker: "w2" });
  t.after(stopSecond);
  await eventually(async () => assert.equal((await readReports(bucket)).length, 2));

  await stopFirst();

  assert.deepEqual(
    (await readReports(bucket)).map(({ worker }) => worker),
    ["w2"],
  );
});

test("reports go on after the server was away, and the trouble is told", async (t) => {
  const { nats, bucket } = await setup(t);
  const troubles: string[] = [];
  let reads = 0;
  const read = async () => {
    reads += 1;
    return new Map([["work", makeReport(reads, 2_000)]]);
  };
  const settings = { bucket, worker: "w1", everyMs: 100, read };
  const stop = publishReports({ ...settings, onTrouble: (detail) => troubles.push(detail) });
  t.after(stop);
  await eventually(async () => assert.equal((await readReports(bucket)).length, 1));

  await nats.server.kill("SIGKILL");
  await eventually(() => assert.ok(troubles.length > 0, "a report failed"));
  await nats.server.restart();
  const readsThen = reads;

  await eventually(async () => {
    const [report] = await readReports(bucket);
    assert.ok((report?.settled.done ?? 0) > readsThen, "a later report is there");
  });
});

test("what is no report is left out", async (t) => {
  const { bucket } = await setup(t);
  await bucket.put("work.broken", "{");
  await bucket.put("work.empty", "{}");
  await bucket.put("nodot", JSON.stringify({ host: "h", at: 1 }));

  assert.deepEqual(await readReports(bucket), []);
});
