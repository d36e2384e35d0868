import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { RetentionPolicy, type StreamConfig } from "nats";
import * as z from "zod";
import { EnqueueError, openProducer } from "../../functions/producer/producer.ts";
import { defineHandler } from "../../shared/jobs/handler.ts";
import { DELAY_HEADERS } from "../../shared/jobs/headers.ts";
import { eventually } from "../support/eventually.ts";
import { makeFolder, writeYaml } from "../support/folder.ts";
import { startNats } from "../support/nats.ts";

const handler = defineHandler({
  name: "typed",
  input: z.object({ host: z.string(), cpus: z.coerce.number() }),
  run: async () => {},
});
const fits = { host: "n1", cpus: "2" };

async function setup(t: TestContext, { filter, ...stream }: Partial<StreamConfig> & { filter?: string } = {}) {
  const nats = await startNats(t);
  const jsm = await nats.jsm();
  const retention = RetentionPolicy.Workqueue;
  await jsm.streams.add({ name: "IN", subjects: ["in.*.>"], retention, ...stream });
  await jsm.streams.add({ name: "CHORIA_DELAYED", subjects: ["CHORIA_DELAYED.>"], retention });
  const config = JSON.stringify({
    connections: { main: { servers: [nats.url] } },
    trust: { v2: { trustedSigners: ["ab".repeat(32)] } },
    streams: { IN: { connection: "main", subject: "in.{partition:4}.{sender}", allowUnprovenSender: true } },
    jobs: { work: { stream: "IN", handler: "x.js#typed", ...(filter === undefined ? {} : { filter }) } },
  });
  const producer = await openProducer({ config, job: "work" });
  t.after(() => producer.close());
  return { nats, jsm, config, producer };
}

const failure = (enqueuing: Promise<unknown>): Promise<EnqueueError> =>
  enqueuing.then(
    () => assert.fail("it was enqueued"),
    (error: unknown) => {
      assert.ok(error instanceof EnqueueError, String(error));
      return error;
    },
  );

test("a payload that fits is in the stream when enqueue resolves, under its key and id", async (t) => {
  const { producer, jsm } = await setup(t);

  const receipt = await producer.enqueue(handler, fits, { key: "web1.example.net", id: "m1" });

  assert.deepEqual(receipt, { id: "m1", duplicate: false, sequence: 1 });
  const stored = await jsm.streams.getMessage("IN", { seq: 1 });
  assert.match(stored.subject, /^in\.[0-3]\.web1\.example\.net$/);
  assert.equal(stored.header.get("Nats-Msg-Id"), "m1");
  assert.equal(stored.header.get("Choria-Sender"), "web1.example.net");
  assert.deepEqual(stored.json(), fits);
});

test("the same id is enqueued once, and without one each call is a message", async (t) => {
  const { producer, jsm } = await setup(t);

  const receipts = [
    await producer.enqueue(handler, fits, { id: "m1" }),
    await producer.enqueue(handler, fits, { id: "m1" }),
    ...(await Promise.all(Array.from({ length: 50 }, () => producer.enqueue(handler, fits)))),
  ];

  assert.deepEqual(receipts.map(({ duplicate }) => duplicate).slice(0, 2), [false, true]);
  assert.equal((await jsm.streams.info("IN")).state.messages, 51);
});

test("a payload that does not fit is refused with the paths, and nothing is stored", async (t) => {
  const { producer, jsm } = await setup(t);
  const wrong = { host: 1, cpus: "x" } as unknown as typeof fits;

  const error = await failure(producer.enqueue(handler, wrong, { id: "m1" }));

  assert.equal(error.code, "ENQUEUE_INVALID");
  assert.equal(error.retryable, false);
  assert.deepEqual(error.issues.map(({ path }) => path).sort(), ["cpus", "host"]);
  assert.equal((await jsm.streams.info("IN")).state.messages, 0);
});

test("what no compiler has seen is refused with what is wrong", async (t) => {
  const { producer } = await setup(t);
  const unknown = { delay: 5_000 } as unknown as { delayMs: number };

  await assert.rejects(producer.enqueue(handler, fits, unknown), /unknown option delay; there are key, delayMs, id/);
  await assert.rejects(producer.enqueue({} as typeof handler, fits), /no handler made by defineHandler/);
  await assert.rejects(openProducer({ configFile: "nowhere.yaml", job: "work" }), { code: "CONFIG_INVALID" });
});

test("a delayed message waits in the delayed stream, with what it takes to put it in its queue", async (t) => {
  const { producer, jsm } = await setup(t);
  const before = Date.now();

  const receipt = await producer.enqueue(handler, fits, { key: "n1", id: "m1", delayMs: 60_000 });

  assert.deepEqual(receipt, { id: "m1", duplicate: false, sequence: 1 });
  assert.equal((await jsm.streams.info("IN")).state.messages, 0);
  const waiting = await jsm.streams.getMessage("CHORIA_DELAYED", { seq: 1 });
  assert.equal(waiting.subject, "CHORIA_DELAYED.work");
  assert.match(waiting.header.get("Nats-Msg-Id"), /^[^:]+:m1\.delay$/);
  assert.equal(waiting.header.get(DELAY_HEADERS.id), "m1");
  assert.equal(waiting.header.get(DELAY_HEADERS.stream), "IN");
  assert.match(waiting.header.get(DELAY_HEADERS.subject), /^in\.[0-3]\.n1$/);
  assert.ok(Number(waiting.header.get(DELAY_HEADERS.until)) >= before + 59_900, "too early"); // the server's clock, known to half a round trip
  assert.deepEqual(waiting.json(), fits);
});

test("a full stream, a missing one and a message that is too large are told apart by code", async (t) => {
  const { producer, jsm } = await setup(t, { max_msgs: 1, discard: "new" as StreamConfig["discard"] });
  await producer.enqueue(handler, fits);

  const full = await failure(producer.enqueue(handler, fits, { id: "m1" }));
  const large = await failure(producer.enqueue(handler, { host: "x".repeat(2_000_000), cpus: 1 }));
  await jsm.streams.delete("IN");
  const missing = await failure(producer.enqueue(handler, fits));

  assert.deepEqual([full.code, full.retryable, full.id], ["ENQUEUE_FULL", true, "m1"]);
  assert.deepEqual([large.code, large.retryable], ["ENQUEUE_REFUSED", false]);
  assert.deepEqual([missing.code, missing.retryable], ["ENQUEUE_NO_STREAM", true]);
});

test("what was enqueued while the server was away is unconfirmed, and its id repeats it without harm", async (t) => {
  const { producer, nats, jsm } = await setup(t);
  await producer.enqueue(handler, fits, { id: "m0" });
  await nats.server.kill("SIGKILL");

  const lost = await failure(producer.enqueue(handler, fits, { id: "m1" }));
  await nats.server.restart();

  assert.equal(lost.code, "ENQUEUE_UNCONFIRMED");
  assert.equal(lost.retryable, true);
  await eventually(() => producer.enqueue(handler, fits, { id: lost.id }), { timeoutMs: 40_000 });
  await eventually(async () => assert.equal((await jsm.streams.info("IN")).state.messages, 2));
});

test("a key whose subject the job's filter leaves out is refused instead of waiting for ever", async (t) => {
  const { producer } = await setup(t, { filter: "in.*.n1" });

  await producer.enqueue(handler, fits, { key: "n1" });
  const error = await failure(producer.enqueue(handler, fits, { key: "n2" }));

  assert.equal(error.code, "ENQUEUE_REFUSED");
  assert.match(error.message, /does not cover in\.\d\.n2/);
});

test("a producer opens from a configuration file, and refuses a job that is not there", async (t) => {
  const { config, jsm } = await setup(t);
  const configFile = await writeYaml(await makeFolder(t), JSON.parse(config));

  await using producer = await openProducer({ configFile, job: "work" });
  await producer.enqueue(handler, fits);

  assert.equal((await jsm.streams.info("IN")).state.messages, 1);
  await assert.rejects(openProducer({ configFile, job: "nope" }), /no job "nope"; it has work/);
});

test("ids and delays that make no sense are refused before anything is sent", async (t) => {
  const { producer } = await setup(t);

  for (const id of ["", "a b", "ä", "x".repeat(257)]) {
    await assert.rejects(producer.enqueue(handler, fits, { id }), RangeError);
  }
  await assert.rejects(producer.enqueue(handler, fits, { delayMs: -1 }), RangeError);
});
