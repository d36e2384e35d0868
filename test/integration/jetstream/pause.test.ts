import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { JetStreamManager, NatsConnection } from "nats";
import { Bucket } from "../../../shared/jetstream/buckets.ts";
import { featuresOf } from "../../../shared/jetstream/features.ts";
import { type PauseTarget, pauseJob, readPause, resumeJob } from "../../../shared/jetstream/pause.ts";
import { watchPauses } from "../../../shared/jetstream/pause-watch.ts";
import type { ConsumerSpec, StreamSpec } from "../../../shared/jetstream/spec.ts";
import { compareConsumer, ensureConsumer, ensureStream } from "../../../shared/jetstream/topology.ts";
import { eventually } from "../../support/eventually.ts";
import { startNats, type TestNats } from "../../support/nats.ts";

const STATE = { name: "T_STATE", storage: "file", replicas: 1, maxAgeMs: 0 } as const;
const STREAM: StreamSpec = {
  name: "IN",
  subjects: ["in.>"],
  retention: "workqueue",
  storage: "file",
  replicas: 1,
  maxBytes: 1_000_000,
  maxMessages: -1,
  maxMessagesPerSubject: -1,
  maxAgeMs: 0,
  discard: "new",
  duplicateWindowMs: 60_000,
};
const CONSUMER: ConsumerSpec = {
  stream: "IN",
  durable: "work",
  filterSubject: null,
  ackWaitMs: 30_000,
  maxAckPending: 100,
  maxDeliver: -1,
};

interface Setup {
  readonly nats: TestNats;
  readonly connection: NatsConnection;
  readonly jsm: JetStreamManager;
  readonly bucket: Bucket;
  readonly target: PauseTarget;
  readonly canPause: boolean;
}

async function setup(t: TestContext): Promise<Setup> {
  const nats = await startNats(t);
  const connection = await nats.connect();
  const jsm = await nats.jsm();
  await ensureStream(jsm, STREAM, { apply: false });
  await ensureConsumer(jsm, CONSUMER, { apply: false });
  const bucket = await Bucket.open(connection, STATE);
  const target = { bucket, job: "work", consumer: { stream: "IN", durable: "work" } };
  return { nats, connection, jsm, bucket, target, canPause: featuresOf(nats.serverVersion).consumerPause };
}

const makePause = (until: Date | null = null) => ({ by: "ops@host", at: new Date("2026-01-31T12:00:00Z"), until });

/** A watch whose calls are kept, stopped with the test. */
async function watch(t: TestContext, connection: NatsConnection) {
  const calls: [job: string, paused: boolean][] = [];
  const source = { connection, bucket: STATE.name, wallNow: Date.now };
  const watching = await watchPauses(source, (job, paused) => calls.push([job, paused]));
  t.after(() => watching.stop());
  return { calls, watching };
}

async function deliveries(connection: NatsConnection): Promise<number> {
  const consumer = await connection.jetstream().consumers.get("IN", "work");
  let count = 0;
  for await (const message of await consumer.fetch({ max_messages: 1, expires: 1_000 })) {
    message.nak();
    count += 1;
  }
  return count;
}

test("a paused job has a flag, and where the server can, other clients get nothing until it is resumed", async (t) => {
  const { connection, bucket, target, canPause } = await setup(t);
  await connection.jetstream().publish("in.a", "x");

  const reach = await pauseJob(connection, target, makePause());

  assert.equal(reach, canPause ? "paused" : "flag_only");
  assert.deepEqual(await readPause(bucket, "work"), makePause());
  assert.equal(await deliveries(connection), canPause ? 0 : 1);
  await resumeJob(connection, target);
  assert.equal(await readPause(bucket, "work"), null);
  assert.equal(await deliveries(connection), 1);
});

test("pausing twice keeps the later pause, and resuming what is not paused is no error", async (t) => {
  const { connection, bucket, target } = await setup(t);

  await pauseJob(connection, target, makePause());
  await pauseJob(connection, target, { ...makePause(), by: "second" });
  assert.equal((await readPause(bucket, "work"))?.by, "second");
  await resumeJob(connection, target);
  await resumeJob(connection, target);

  assert.equal(await readPause(bucket, "work"), null);
});

test("a job without a consumer, or with one per partition, is paused by its flag", async (t) => {
  const { connection, bucket, target, canPause } = await setup(t);

  const missing = { ...target, consumer: { stream: "IN", durable: "other" } };
  assert.equal(await pauseJob(connection, missing, makePause()), canPause ? "no_consumer" : "flag_only");
  assert.equal(await pauseJob(connection, { ...target, consumer: null }, makePause()), "flag_only");

  assert.notEqual(await readPause(bucket, "work"), null);
});

test("a paused consumer is as configured, and stays paused when its settings are changed", async (t) => {
  const { connection, jsm, target, canPause } = await setup(t);
  await pauseJob(connection, target, makePause());

  assert.deepEqual(await compareConsumer(jsm, CONSUMER), []);
  assert.equal(await ensureConsumer(jsm, CONSUMER, { apply: false }), "unchanged");
  assert.equal(await ensureConsumer(jsm, { ...CONSUMER, maxAckPending: 7 }, { apply: true }), "updated");

  assert.equal((await jsm.consumers.info("IN", "work")).paused === true, canPause);
});

test("a pause outlives a restart of the server", async (t) => {
  const { nats, connection, bucket, jsm, target, canPause } = await setup(t);
  await pauseJob(connection, target, makePause());

  await nats.server.kill("SIGKILL");
  await nats.server.restart();

  await eventually(async () => assert.deepEqual(await readPause(bucket, "work"), makePause()));
  await eventually(async () => assert.equal((await jsm.consumers.info("IN", "work")).paused === true, canPause));
});

test("a watch knows what is paused before it resolves, and hears of changes at once", async (t) => {
  const { nats, connection, target } = await setup(t);
  await pauseJob(connection, target, makePause());

  const { calls } = await watch(t, await nats.connect());

  assert.deepEqual(calls, [["work", true]]);
  await pauseJob(connection, { ...target, job: "other", consumer: null }, makePause());
  await eventually(() => assert.deepEqual(calls.at(-1), ["other", true]), { timeoutMs: 8_000 });
  await resumeJob(connection, target);
  await eventually(() => assert.deepEqual(calls.at(-1), ["work", false]), { timeoutMs: 8_000 });
  assert.equal(calls.length, 3);
});

test("a watch goes on across a restart of the server, and hears what changed meanwhile", async (t) => {
  const { nats, connection, target } = await setup(t);
  const watched = await nats.connect();
  const { calls } = await watch(t, watched);
  await pauseJob(connection, target, makePause());
  await eventually(() => assert.deepEqual(calls, [["work", true]]));

  await nats.server.kill("SIGKILL");
  await nats.server.restart();
  await eventually(() => resumeJob(connection, target));

  await eventually(() => assert.deepEqual(calls.at(-1), ["work", false]));
  await pauseJob(connection, target, makePause());
  await eventually(() => assert.deepEqual(calls.at(-1), ["work", true]));
  assert.equal(calls.length, 3);
});

test("a watch keeps what it knew while its connection is down, and makes up for what it missed", async (t) => {
  const { nats, connection, target } = await setup(t);
  const watched = await nats.connect({ reconnectTimeWait: 1_000 });
  const { calls } = await watch(t, watched);
  await pauseJob(connection, target, makePause());
  await eventually(() => assert.deepEqual(calls, [["work", true]]));

  await watched.reconnect();
  await resumeJob(connection, target); // nothing is subscribed while it redials

  await eventually(() =>
    assert.deepEqual(calls, [
      ["work", true],
      ["work", false],
    ]),
  );
});

test("a watch may begin before there is a bucket", async (t) => {
  const nats = await startNats(t);
  const connection = await nats.connect();

  const { calls } = await watch(t, await nats.connect());
  const bucket = await Bucket.open(connection, STATE);
  await pauseJob(connection, { bucket, job: "work", consumer: null }, makePause());

  await eventually(() => assert.deepEqual(calls, [["work", true]]), { timeoutMs: 30_000 });
});

test("a pause with an end is over by then, without anybody doing anything", async (t) => {
  const { nats, connection, target } = await setup(t);
  const { calls } = await watch(t, await nats.connect());

  await pauseJob(connection, target, makePause(new Date(Date.now() + 4_000)));

  await eventually(
    () =>
      assert.deepEqual(calls, [
        ["work", true],
        ["work", false],
      ]),
    { timeoutMs: 45_000 },
  );
  assert.equal(await deliveries(connection), 0); // nothing was published: it only shows that the consumer answers
});

test("a stopped watch says nothing more", async (t) => {
  const { nats, connection, bucket, target } = await setup(t);
  const first = await watch(t, await nats.connect());
  const second = await watch(t, await nats.connect());
  first.watching.stop();

  await pauseJob(connection, target, makePause());

  await eventually(() => assert.deepEqual(second.calls, [["work", true]]));
  assert.deepEqual(first.calls, []);
  assert.notEqual(await readPause(bucket, "work"), null);
});

test("a flag written by hand pauses, whatever it says", async (t) => {
  const { nats, bucket } = await setup(t);
  const { calls } = await watch(t, await nats.connect());

  await bucket.put("pause.work", "yes please");

  await eventually(() => assert.deepEqual(calls, [["work", true]]));
});
