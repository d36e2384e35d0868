import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually } from "../../support/eventually.ts";
import type { LambdaEmulator } from "../../support/lambda/emulator.ts";
import { FUNCTION_NAME, jobOf, metricsOf, setup } from "./setup.ts";

/** Milliseconds between the starts of invocations. */
function gaps({ invocations }: LambdaEmulator): number[] {
  const starts = invocations.map(({ startedAt }) => startedAt.getTime()).sort((a, b) => a - b);
  return starts.slice(1).map((start, index) => start - (starts[index] ?? 0));
}

/** How much earlier than it should a start may look, by clocks that round. */
const ROUNDING_MS = 10;

test("a burst is met with ever more drains, never more than there may be, and they come down after it", async (t) => {
  const dispatcher = { maxInvocations: 3, rampUp: "300ms", targetAge: "500ms", pollEvery: "200ms" };
  const { start, put, left, emulator } = await setup(t, { dispatcher, handlerMs: 100 });
  await put(300); // 50 a second for one drain
  let most = 0;

  const service = await start();
  const job = jobOf(service);
  await eventually(
    async () => {
      most = Math.max(most, emulator.running(FUNCTION_NAME));
      assert.equal(await left(), 0);
    },
    { timeoutMs: 60_000 },
  );

  assert.equal(most, 3);
  await eventually(() => assert.deepEqual([job.inFlight, job.wanted, job.state], [0, 0, "ok"]));
  assert.ok(emulator.invocations.length <= 5, `${emulator.invocations.length} invocations`);
  assert.equal(job.counters.drained.processed, 300);
  const metrics = await metricsOf(service);
  assert.match(metrics, /choria_bridge_dispatcher_drained_total\{job="work",outcome="processed"\} 300/);
  assert.match(metrics, /choria_bridge_dispatcher_state\{job="work",state="ok"\} 1/);
  assert.match(metrics, /choria_bridge_dispatcher_pending\{job="work"\} 0/);
});

test("a function that Lambda throttles is asked ever more rarely, and its messages are done once it runs", async (t) => {
  const dispatcher = { coolDown: "100ms", maxCoolDown: "400ms" };
  const { start, put, left, emulator, logged } = await setup(t, { dispatcher });
  emulator.throttle(FUNCTION_NAME, true);
  await put(20);

  const job = jobOf(await start());
  await eventually(() => assert.ok(job.counters.invocations.throttled >= 5, "not yet"));
  assert.equal(job.state, "throttled");
  const refused = gaps(emulator);
  emulator.throttle(FUNCTION_NAME, false);

  await eventually(async () => assert.equal(await left(), 0));
  await eventually(() => assert.equal(job.state, "ok"));
  // The emulator says to come again after a second, which is longer than the longest pause.
  assert.ok(
    refused.every((gap) => gap >= 400 - ROUNDING_MS),
    `pauses of ${refused} ms`,
  );
  const states = logged.flatMap(({ state }) => (state === undefined ? [] : [state]));
  assert.deepEqual(states, ["throttled", "ok"]);
});

for (const [what, state] of [
  ["paused", "cooling_down"],
  ["failing", "failing"],
] as const) {
  test(`a job that is ${what} is not hammered, and its messages are done when it is no longer`, async (t) => {
    const { start, put, left, emulator, set, logged } = await setup(t, {
      dispatcher: { coolDown: "100ms", maxCoolDown: "800ms" },
    });
    await set(what, true);
    await put(20);

    const job = jobOf(await start());
    await eventually(() => assert.ok(emulator.invocations.length >= 6, "not yet"));
    assert.equal(job.state, state);
    const pauses = gaps(emulator);
    await set(what, false);

    await eventually(async () => assert.equal(await left(), 0));
    await eventually(() => assert.equal(job.state, "ok"));
    for (const [index, least] of [100, 200, 400, 800, 800].entries()) {
      assert.ok((pauses[index] ?? 0) >= least - ROUNDING_MS, `pauses of ${pauses} ms`);
    }
    const states = logged.flatMap((line) => (line["state"] === undefined ? [] : [line["state"]]));
    assert.deepEqual(states, [state, "ok"]);
  });
}

test("a function that does not exist is asked for rarely, and the dispatcher says which", async (t) => {
  const { start, put, left } = await setup(t, {
    deployed: "something-else",
    dispatcher: { coolDown: "10ms", maxCoolDown: "30s" },
  });
  await put();

  const service = await start();
  const job = jobOf(service);
  await eventually(() => assert.equal(job.state, "unknown_function"));

  const { ready, reasons } = service.dispatcher.readiness();
  assert.equal(ready, false);
  assert.match(reasons.join(), /^job work: unknown function: ResourceNotFoundException: .*cb-test-consumer/);
  assert.match(await metricsOf(service), /dispatcher_state\{job="work",state="unknown_function"\} 1/);
  assert.equal(job.counters.invocations.unknown_function, 1);
  assert.equal(await left(), 1);
});

test("messages that come back for another try are taken without waiting for the schedule", async (t) => {
  const { start, put, left, client } = await setup(t, { dispatcher: { coolDown: "100ms" } });
  await put();
  const message = await (await client.jetstream().consumers.get("IN", "work")).next();
  const job = jobOf(await start());
  await eventually(() => assert.deepEqual([job.reading?.pending, job.reading?.unsettled], [0, 1]));

  message?.nak(500);

  await eventually(async () => assert.equal(await left(), 0));
  assert.equal(job.state, "ok");
});

test("a stop starts nothing more and does not wait for ever: the drain that runs ends without us", async (t) => {
  const { start, put, left, emulator, set } = await setup(t);
  await set("holding", true);
  await put(20);
  const service = await start();
  await eventually(() => assert.equal(emulator.running(FUNCTION_NAME), 1));

  assert.equal(await service.stop(100), 1);
  await set("holding", false);

  await eventually(async () => assert.equal(await left(), 0));
  await eventually(() => assert.equal(emulator.running(FUNCTION_NAME), 0));
  assert.equal(emulator.invocations.length, 1);
});

test("a stop waits for a drain that ends in time", async (t) => {
  const { start, put, left, emulator, set } = await setup(t);
  await set("holding", true);
  await put(20);
  const service = await start();
  await eventually(() => assert.equal(emulator.running(FUNCTION_NAME), 1));

  const stopped = service.stop(60_000);
  await set("holding", false);

  assert.equal(await stopped, 0);
  assert.equal(await left(), 0);
  assert.deepEqual(jobOf(service).counters.invocations.drained, 1);
});
