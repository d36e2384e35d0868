import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually } from "../../support/eventually.ts";
import { FUNCTION_NAME, jobOf, metricsOf, setup } from "./setup.ts";

/** So that nothing is found by polling. */
const RARELY = { pollEvery: "1h" };

test("a message stored into an idle queue wakes the function without waiting for a poll, time and again", async (t) => {
  const { start, put, left, emulator } = await setup(t, { dispatcher: RARELY });
  const service = await start();
  const job = jobOf(service);
  await eventually(() => assert.equal(job.reading?.pending, 0));

  for (let round = 1; round <= 3; round += 1) {
    await put();
    await eventually(() => assert.equal(job.counters.drained.processed, round));
    await eventually(() => assert.deepEqual([job.inFlight, job.reading?.pending], [0, 0]));
  }

  assert.equal(await left(), 0);
  // The look that follows a new subscription may find a message before the subscription does.
  assert.ok(job.counters.woken >= 1, "never woken");
  assert.deepEqual(
    emulator.invocations.map(({ type, outcome, attempt }) => [type, outcome, attempt]),
    Array.from({ length: 3 }, () => ["RequestResponse", "ok", 1]),
  );
});

test("what was stored before the dispatcher started is drained", async (t) => {
  const { start, put, left } = await setup(t, { dispatcher: RARELY });
  await put(12);

  const job = jobOf(await start());

  await eventually(async () => assert.equal(await left(), 0));
  await eventually(() => assert.equal(job.counters.drained.processed, 12));
});

test("messages of others on the queue's subjects cost a look now and then, and no invocation", async (t) => {
  const { start, client, emulator } = await setup(t, { dispatcher: { pollEvery: "100ms" } });
  const job = jobOf(await start());
  await eventually(() => assert.equal(job.reading?.pending, 0));
  const jsm = await client.jetstreamManager();
  await jsm.consumers.delete("IN", "work");
  await jsm.consumers.add("IN", { durable_name: "work", ack_policy: "explicit" as never, filter_subject: "in.nobody" });

  const from = Date.now();
  await eventually(() => {
    client.publish("in.n1", "x");
    assert.ok(job.counters.woken >= 3, "not yet");
  });

  // It listens again at the next poll, not after each message.
  assert.ok(job.counters.woken <= 2 + (Date.now() - from) / 100, `${job.counters.woken} times`);
  assert.equal(emulator.invocations.length, 0);
});

test("after a restart of the server messages are noticed at once, as before", async (t) => {
  const { nats, start, put, left } = await setup(t, { dispatcher: RARELY });
  const service = await start();
  const job = jobOf(service);
  await eventually(() => assert.equal(job.reading?.pending, 0));

  await nats.server.restart();
  await eventually(() => put());
  await eventually(async () => assert.equal(await left(), 0));
  await eventually(() => assert.deepEqual([job.inFlight, job.reading?.pending], [0, 0]));
  await eventually(() => assert.deepEqual(service.dispatcher.readiness().reasons, []));
  await put();

  await eventually(async () => assert.equal(await left(), 0));
});

test("a server that does not permit to listen is polled, and says so once", async (t) => {
  const config = `authorization { users: [
    { user: admin, password: admin }
    { user: blind, password: blind, permissions: { publish: ["$JS.API.>"], subscribe: ["_INBOX.>"] } }
  ] }`;
  const { start, put, left, logged } = await setup(t, {
    dispatcher: { pollEvery: "200ms" },
    permissions: { config, credentials: { type: "userPassword", user: "blind", password: "blind" } },
  });
  const service = await start();
  const job = jobOf(service);
  await eventually(() => assert.equal(job.isDeaf, true));

  for (let round = 1; round <= 3; round += 1) {
    await put();
    await eventually(async () => assert.equal(await left(), 0));
    await eventually(() => assert.equal(job.inFlight, 0));
  }

  assert.equal(job.counters.woken, 0);
  assert.match(await metricsOf(service), /choria_bridge_dispatcher_polling_only\{job="work"\} 1/);
  assert.equal(logged.filter(({ msg }) => /only polling is left/.test(String(msg))).length, 1);
  assert.deepEqual(service.dispatcher.readiness(), { ready: true, reasons: [] });
});

test("a queue that is gone is told once, and watched again when it is back", async (t) => {
  const { start, put, client, logged, left } = await setup(t, { dispatcher: { pollEvery: "100ms" } });
  const service = await start();
  const job = jobOf(service);
  await eventually(() => assert.equal(job.reading?.pending, 0));
  const jsm = await client.jetstreamManager();
  const [stream, consumer] = await Promise.all([jsm.streams.info("IN"), jsm.consumers.info("IN", "work")]);

  await jsm.streams.delete("IN");
  await eventually(() => assert.equal(job.state, "unread"));
  assert.deepEqual(service.dispatcher.readiness().reasons, ["job work: unread: stream IN does not exist"]);
  await jsm.streams.add(stream.config);
  await jsm.consumers.add("IN", consumer.config);
  await eventually(() => assert.equal(job.state, "ok"));
  await put();

  await eventually(async () => assert.equal(await left(), 0));
  assert.equal(logged.filter(({ state }) => state === "unread").length, 1);
});

test("a job that never ran has no consumer: what is in its queue asks for a drain all the same", async (t) => {
  const { start, put, client, emulator, set } = await setup(t, { dispatcher: RARELY });
  await (await client.jetstreamManager()).consumers.delete("IN", "work");
  await set("holding", true); // the drain of these tests makes no consumer
  t.after(() => set("holding", false));
  const job = jobOf(await start());
  await eventually(() => assert.equal(job.reading?.pending, 0));

  await put();

  await eventually(() => assert.equal(emulator.running(FUNCTION_NAME), 1));
  assert.equal(job.state, "ok");
});
