import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { headers as makeHeaders } from "nats";
import { Worker } from "../../../functions/consumer/worker.ts";
import { parseConfig } from "../../../shared/config/load.ts";
import { defineHandler, type JobContext, type JobMessage } from "../../../shared/jobs/handler.ts";
import { type Outcome, retryAfter, snooze } from "../../../shared/jobs/outcome.ts";
import { eventually } from "../../support/eventually.ts";
import { makeWorkerBench, type WorkerBench } from "../../support/worker.ts";

type Run = (message: JobMessage<Uint8Array>, context: JobContext) => Promise<Outcome | undefined>;

/** A job that parks whatever waits longer than 300 ms, and the ids, attempts and bodies of its runs. */
async function setup(t: TestContext, run: Run, more = "") {
  const seen: { readonly id: string; readonly storedId: string; readonly attempt: number; readonly body: string }[] =
    [];
  const handler = defineHandler({
    name: "test",
    input: "bytes",
    run: async (message: JobMessage<Uint8Array>, context: JobContext) => {
      const body = Buffer.from(message.data).toString();
      seen.push({ id: message.id, storedId: message.headers.get("Nats-Msg-Id"), attempt: context.attempt, body });
      return run(message, context);
    },
  });
  const job = `handler: "handlers.js#handler", retry: { attempts: 3, parkAfter: 300ms }${more}`;
  const bench = await makeWorkerBench(t, { handler, job });
  const start = async (name = "worker-1") => {
    const worker = await Worker.start({ ...bench.options, worker: name });
    t.after(() => worker.stop(1_000));
    return worker;
  };
  return { ...bench, seen, start };
}

test("a message with a long delay leaves its queue, and comes back under an id of its own with the runs it has spent", async (t) => {
  const { put, start, seen, messages } = await setup(t, async (_message, { attempt }) =>
    attempt < 3 ? retryAfter(800) : undefined,
  );
  const worker = await start();

  await put("x", { "Nats-Msg-Id": "m1", "X-Own": "kept" });

  await eventually(() => assert.equal(worker.counters.of("work").settled.done, 1));
  assert.deepEqual(seen, [
    { id: "m1", storedId: "m1", attempt: 1, body: "x" },
    { id: "m1", storedId: "m1.p1", attempt: 2, body: "x" },
    { id: "m1", storedId: "m1.p2", attempt: 3, body: "x" },
  ]);
  assert.equal(worker.counters.of("work").settled.parked, 2);
  assert.equal(worker.counters.of("work").released, 2);
  await eventually(async () => assert.deepEqual([await messages("IN"), await messages("CHORIA_DELAYED")], [0, 0]));
});

test("many long delays do not stop the queue, however low max_ack_pending", async (t) => {
  const { put, start, jsm } = await setup(
    t,
    async ({ data }) => (Buffer.from(data).toString() === "later" ? snooze(60_000) : undefined),
    ", maxAckPending: 2",
  );
  const worker = await start();
  for (let index = 0; index < 20; index++) await put("later", { "Nats-Msg-Id": `later${index}` });

  await put("now", { "Nats-Msg-Id": "now" });

  await eventually(() => assert.equal(worker.counters.of("work").settled.done, 1));
  assert.equal(worker.counters.of("work").settled.parked, 20);
  await eventually(async () =>
    assert.equal((await jsm.consumers.info("CHORIA_DELAYED", "release-work")).num_ack_pending, 20),
  );
});

test("a parked message comes back although server and workers were restarted meanwhile", async (t) => {
  const { put, start, seen, nats } = await setup(t, async (_message, { attempt }) =>
    attempt === 1 ? retryAfter(2_500) : undefined,
  );
  const first = await start("worker-1");
  await put("x", { "Nats-Msg-Id": "m1" });
  await eventually(() => assert.equal(first.counters.of("work").settled.parked, 1));
  await first.stop(1_000);
  await nats.server.kill("SIGKILL");
  await nats.server.restart();

  const second = await start("worker-2");

  await eventually(() => assert.equal(second.counters.of("work").settled.done, 1), { timeoutMs: 60_000 });
  assert.deepEqual(
    seen.map(({ attempt }) => attempt),
    [1, 2],
  );
});

test("when the delayed stream is full the message waits in its queue instead", async (t) => {
  const { put, start, seen, jsm } = await setup(t, async (_message, { attempt }) =>
    attempt === 1 ? retryAfter(800) : undefined,
  );
  const worker = await start();
  await jsm.streams.update("CHORIA_DELAYED", { max_bytes: 1 });

  await put("x", { "Nats-Msg-Id": "m1" });

  await eventually(() => assert.equal(worker.counters.of("work").settled.done, 1));
  assert.equal(worker.counters.of("work").settled.retried, 1);
  assert.deepEqual(
    seen.map(({ storedId, attempt }) => [storedId, attempt]),
    [
      ["m1", 1],
      ["m1", 2],
    ],
  );
});

test("a message whose copy had been put back already is not lost with its second parking", async (t) => {
  const { put, start, seen, connection, jsm } = await setup(t, async (_message, { attempt }) =>
    attempt === 1 ? retryAfter(800) : undefined,
  );
  const worker = await start();
  // As if a first life had parked it, its copy had come back and been done, and the acknowledgement of the original were lost.
  const js = connection.jetstream();
  const earlier = await js.publish("CHORIA_DELAYED.work", "", { msgID: "work:m1.p1" });
  await jsm.streams.deleteMessage("CHORIA_DELAYED", earlier.seq).catch(() => {});

  await put("x", { "Nats-Msg-Id": "m1" });

  await eventually(() => assert.equal(worker.counters.of("work").settled.done, 1));
  assert.deepEqual(
    seen.map(({ attempt, body }) => [attempt, body]),
    [
      [1, "x"],
      [2, "x"],
    ],
  );
});

test("nobody makes a worker publish elsewhere by way of the delayed stream", async (t) => {
  const { start, connection, jsm, messages } = await setup(t, async () => undefined);
  await start();
  const given = makeHeaders();
  for (const [name, value] of Object.entries({ Until: "1", Subject: "out.n1", Stream: "OUT", "Message-Id": "x" })) {
    given.append(`Delay-${name}`, value);
  }
  await connection.jetstream().publish("CHORIA_DELAYED.work", "hostile", { headers: given });

  await eventually(async () => assert.equal(await messages("CHORIA_DEAD"), 1));
  const dead = await jsm.streams.getMessage("CHORIA_DEAD", { seq: 1 });
  assert.equal(dead.header.get("Dead-Reason"), "NOT_RELEASABLE");
  assert.equal(await messages("OUT"), 0);
});

test("workers of another configuration on the same server leave delayed messages to those whose they are", async (t) => {
  const { put, start, nats, options, messages } = await setup(t, async (_message, { attempt }) =>
    attempt === 1 ? retryAfter(1_500) : undefined,
  );
  const first = await start();
  await put("x", { "Nats-Msg-Id": "m1" });
  await eventually(() => assert.equal(first.counters.of("work").settled.parked, 1));
  await first.stop(1_000);
  const text = `
connections: { main: { servers: ["${nats.url}"] } }
trust: { v2: { trustedSigners: ["${"ab".repeat(32)}"] } }
streams: { OTHER: { connection: main, subject: "other.{sender}", allowUnprovenSender: true } }
jobs: { other: { stream: OTHER, handler: "handlers.js#handler" } }
`;
  const stranger = await Worker.start({ ...options, config: parseConfig(text, "other.yaml", {}), worker: "stranger" });
  t.after(() => stranger.stop(1_000));
  await pause(2_500);
  assert.deepEqual([await messages("CHORIA_DELAYED"), await messages("CHORIA_DEAD")], [1, 0]);

  const second = await start("worker-2");

  await eventually(() => assert.equal(second.counters.of("work").settled.done, 1));
});

/** Jobs that read `in.*` and `more.*`. */
function twoQueues({ nats }: WorkerBench) {
  const job = (stream: string) =>
    `{ stream: ${stream}, handler: "handlers.js#handler", retry: { attempts: 3, parkAfter: 300ms } }`;
  const text = `
connections: { main: { servers: ["${nats.url}"] } }
trust: { v2: { trustedSigners: ["${"ab".repeat(32)}"] } }
streams:
  IN: { connection: main, subject: "in.{sender}", allowUnprovenSender: true }
  MORE: { connection: main, subject: "more.{sender}", allowUnprovenSender: true }
jobs: { work: ${job("IN")}, other: ${job("MORE")} }
`;
  return parseConfig(text, "test.yaml", {});
}

test("two jobs park messages of one id at one time, and both come back", async (t) => {
  const bench = await setup(t, async (_message, { attempt }) => (attempt === 1 ? retryAfter(1_500) : undefined));
  const worker = await Worker.start({ ...bench.options, config: twoQueues(bench) });
  t.after(() => worker.stop(1_000));
  const js = bench.connection.jetstream();

  await js.publish("in.n1", "a", { msgID: "m1" });
  await js.publish("more.n1", "b", { msgID: "m1" });

  for (const job of ["work", "other"]) {
    await eventually(() => assert.equal(worker.counters.of(job).settled.done, 1));
    assert.equal(worker.counters.of(job).settled.parked, 1);
  }
});

test("a message does not say by its headers where its parked copy goes, when, or under which id", async (t) => {
  const bench = await setup(t, async (_message, { attempt }) => (attempt === 1 ? retryAfter(800) : undefined));
  const worker = await Worker.start({ ...bench.options, config: twoQueues(bench) });
  t.after(() => worker.stop(1_000));
  const given = makeHeaders();
  const hostile = { Stream: "MORE", Subject: "more.victim", Until: "9999999999999", "Message-Id": "same" };
  for (const [name, value] of Object.entries(hostile)) given.append(`Delay-${name}`, value);

  for (const id of ["m1", "m2"]) {
    await bench.connection.jetstream().publish("in.n1", id, { msgID: id, headers: given });
  }

  await eventually(() => assert.equal(worker.counters.of("work").settled.done, 2));
  assert.equal(worker.counters.of("other").received, 0);
});
