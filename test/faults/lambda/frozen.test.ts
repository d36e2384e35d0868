import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { eventually } from "../../support/eventually.ts";
import { startLedgerFunction } from "../../support/faults/functions.ts";
import { FaultyProxy } from "../../support/faults/proxy.ts";
import { reportRow } from "../../support/faults/report.ts";
import { assertBalanced, startScenario } from "../../support/faults/scenario.ts";
import { drain } from "../../support/functions.ts";
import { startNats, type TestNats } from "../../support/nats.ts";

/** The server hangs up on a client that has answered none of two pings, a second apart. */
const IMPATIENT = { config: 'ping_interval: "1s"\nping_max: 2\n' };
const BEYOND_PINGS_MS = 9_000;
const MESSAGES = 50;

async function setup(t: TestContext, nats: TestNats) {
  const proxy = await FaultyProxy.start(t, Number(new URL(nats.url).port));
  const scenario = await startScenario(t, {
    servers: [nats.url],
    workers: 0,
    plan: { flakyEvery: 0, poisonEvery: 0 },
  });
  const lambda = await startLedgerFunction(t, scenario, { timeoutMs: 60_000, reservedConcurrency: 1 }, proxy.url);
  const jsm = await nats.jsm();
  const asking = async () => (await jsm.consumers.info("IN", "work")).num_waiting;
  return { ...scenario, proxy, lambda, asking, jsm };
}

test("a function that has answered asks for nothing: what comes while it is frozen is another's at once", async (t) => {
  const nats = await startNats(t);
  const { ledger, lambda, asking, jsm, judged } = await setup(t, nats);
  const started = performance.now();
  await ledger.enqueue(MESSAGES);
  await drain(lambda);

  assert.equal(await asking(), 0, "a pull was left open");
  assert.ok(lambda.environments("test-consumer").every(({ state }) => state === "frozen"));
  await ledger.enqueue(MESSAGES);
  const consumer = await jsm.jetstream().consumers.get("IN", "work");
  const deliveries: number[] = [];
  for await (const message of await consumer.fetch({ max_messages: MESSAGES, expires: 5_000 })) {
    deliveries.push(message.info.deliveryCount);
    message.nak();
    if (deliveries.length === MESSAGES) break;
  }

  assert.deepEqual(new Set(deliveries), new Set([1]));
  assert.equal(deliveries.length, MESSAGES);
  await eventually(async () => {
    await drain(lambda);
    assert.equal(await ledger.left(), 0);
  });
  const books = await judged({ deaths: "none" });
  reportRow(t, { fault: "function frozen between two invocations", times: 1, nats, books, started });
  assertBalanced(books);
});

test("a function that was frozen until the server hung up on it works at once when it is thawed", async (t) => {
  const nats = await startNats(t, IMPATIENT);
  const { ledger, lambda, verdict } = await setup(t, nats);
  const started = performance.now();
  await ledger.enqueue(MESSAGES);
  assert.equal((await drain(lambda)).processed, MESSAGES);

  await wait(BEYOND_PINGS_MS);
  await ledger.enqueue(MESSAGES);

  assert.equal((await drain(lambda)).processed, MESSAGES);
  assert.deepEqual(
    lambda.invocations.map(({ cold, outcome }) => [cold, outcome]),
    [
      [true, "ok"],
      [false, "ok"],
    ],
  );
  const books = await verdict({ deaths: "none" });
  reportRow(t, { fault: "function frozen until the server hung up", times: 1, nats, books, started });
  assertBalanced(books);
});

test("a function whose link was forgotten while it was frozen finds out, and works all the same", async (t) => {
  const nats = await startNats(t);
  const { ledger, lambda, proxy, verdict } = await setup(t, nats);
  const started = performance.now();
  await ledger.enqueue(MESSAGES);
  assert.equal((await drain(lambda)).processed, MESSAGES);

  assert.ok(proxy.swallow() > 0, "no connection was cut");
  await ledger.enqueue(MESSAGES);

  assert.equal((await drain(lambda)).processed, MESSAGES);
  const books = await verdict({ deaths: "none" });
  reportRow(t, { fault: "function's link half-open after a freeze", times: 1, nats, books, started });
  assertBalanced(books);
});
