import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { eventually } from "../../support/eventually.ts";
import { afterAttempt } from "../../support/lambda/events/retry.ts";
import { setup } from "./setup.ts";

/** A minute of the queue takes 60 ms. */
const queueTimeScale = 0.001;
/** Timers and clocks count whole milliseconds, each in its own way. */
const CLOCK_MS = 2;

test("an event is accepted with 202 and its request id, and runs afterwards", async (t) => {
  const { emulator, invoke } = await setup(t, [{ name: "echo" }]);

  const answer = await invoke("echo", { n: 1 }, { InvocationType: "Event" });

  assert.deepEqual([answer.StatusCode, answer.result, answer.FunctionError], [202, undefined, undefined]);
  const [record] = await eventually(() => {
    assert.equal(emulator.invocations.length, 1);
    return emulator.invocations;
  });
  assert.deepEqual([record?.requestId, record?.type, record?.outcome], [answer.$metadata.requestId, "Event", "ok"]);
  assert.deepEqual(JSON.parse(record?.payload ?? "").event, { n: 1 });
});

test("a failed event is tried twice more under the same id, a minute and two minutes later, then discarded", async (t) => {
  const { emulator, invoke } = await setup(t, [{ name: "fail" }], { queueTimeScale });

  const { $metadata } = await invoke("fail", { n: 1 }, { InvocationType: "Event" });

  await eventually(() => assert.equal(emulator.discarded.length, 1));
  const { requestId } = $metadata;
  assert.deepEqual(emulator.discarded, [
    { function: "fail", requestId, payload: '{"n":1}', reason: "RetriesExhausted" },
  ]);
  assert.deepEqual(
    emulator.invocations.map((record) => [record.requestId, record.attempt, record.outcome]),
    [1, 2, 3].map((attempt) => [requestId, attempt, "error"]),
  );
  const [first, second, third] = emulator.invocations.map(({ startedAt }) => startedAt.getTime());
  assert.ok((second ?? 0) - (first ?? 0) >= 60 - CLOCK_MS, "a minute, scaled");
  assert.ok((third ?? 0) - (second ?? 0) >= 120 - CLOCK_MS, "two minutes, scaled");
});

test("an event that succeeds when tried again is done", async (t) => {
  const { folder, emulator, invoke } = await setup(t, [{ name: "failUnless" }], { queueTimeScale });
  const file = join(folder, "go");
  emulator.onInvocation(() => void writeFile(file, ""));

  await invoke("failUnless", { file }, { InvocationType: "Event" });

  await eventually(() => assert.equal(emulator.invocations.at(-1)?.outcome, "ok"));
  assert.equal(emulator.invocations.length, 2);
  assert.deepEqual(emulator.discarded, []);
});

test("maximumRetryAttempts 0 leaves the retry to the schedule", async (t) => {
  const { emulator } = await setup(t, [{ name: "fail", maximumRetryAttempts: 0 }], { queueTimeScale });

  emulator.tick("fail");

  await eventually(() => assert.equal(emulator.discarded.length, 1));
  assert.equal(emulator.invocations.length, 1);
});

test("an event is not refused while its function is throttled: it waits, longer each time, and runs", async (t) => {
  const { emulator, invoke } = await setup(t, [{ name: "nothing" }], { queueTimeScale: 0.01 });
  emulator.throttle("nothing", true);

  assert.equal((await invoke("nothing", {}, { InvocationType: "Event" })).StatusCode, 202);
  await eventually(() => assert.ok(emulator.invocations.length >= 4, "tried again and again"));
  emulator.throttle("nothing", false);
  await eventually(() => assert.equal(emulator.invocations.at(-1)?.outcome, "ok"));

  const tries = emulator.invocations.map(({ startedAt }) => startedAt.getTime());
  const waits = tries.slice(1, 4).map((at, n) => at - (tries[n] ?? 0));
  const scaled = [10, 20, 40].map((ms) => ms - CLOCK_MS); // 1, 2 and 4 s
  assert.ok(
    scaled.every((ms, n) => (waits[n] ?? 0) >= ms),
    `waited ${waits} ms`,
  );
});

test("an event that has waited for longer than maximumEventAge is discarded", async (t) => {
  const fn = { name: "nothing", reservedConcurrency: 0, maximumEventAgeMs: 60_000 };
  const { emulator } = await setup(t, [fn], { queueTimeScale });

  const requestId = emulator.tick("nothing", { n: 1 });

  await eventually(() => assert.equal(emulator.discarded.length, 1));
  assert.deepEqual(emulator.discarded, [
    { function: "nothing", requestId, payload: '{"n":1}', reason: "EventAgeExceeded" },
  ]);
  assert.ok(emulator.invocations.every(({ outcome }) => outcome === "throttled"));
});

test("a tick is an event with EventBridge's document, or with the rule's own input", async (t) => {
  const { emulator } = await setup(t, [{ name: "echo" }]);

  const ids = [emulator.tick("echo"), emulator.tick("echo", { job: "facts" })];

  await eventually(() => assert.equal(emulator.invocations.length, 2));
  const events = ids.map((id) => {
    const record = emulator.invocations.find(({ requestId }) => requestId === id);
    assert.equal(record?.type, "Event");
    return JSON.parse(record?.payload ?? "").event;
  });
  const { id, time, ...rest } = events[0];
  assert.deepEqual(rest, {
    version: "0",
    "detail-type": "Scheduled Event",
    source: "aws.events",
    account: "123456789012",
    region: "us-east-1",
    resources: ["arn:aws:events:us-east-1:123456789012:rule/echo-schedule"],
    detail: {},
  });
  assert.match(id, /^[0-9a-f-]{36}$/);
  assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  assert.deepEqual(events[1], { job: "facts" });
});

test("a schedule ticks by itself, and also while the tick before still runs", async (t) => {
  const { emulator } = await setup(t, [
    { name: "count", scheduleMs: 50 },
    { name: "hold", scheduleMs: 50, reservedConcurrency: 2 },
  ]);

  await eventually(() =>
    assert.ok(emulator.invocations.filter(({ outcome }) => outcome === "ok").length >= 3, "three"),
  );
  await eventually(() => assert.equal(emulator.running("hold"), 2));
  await eventually(() =>
    assert.ok(
      emulator.invocations.some(({ outcome }) => outcome === "throttled"),
      "a third one",
    ),
  );

  await emulator.close();
  for (const name of ["count", "hold"]) {
    assert.deepEqual([emulator.environments(name), emulator.running(name)], [[], 0]);
  }
});

test("delays and ends are Lambda's documented ones", () => {
  const fn = { maximumRetryAttempts: 2 };
  const throttledAfter = (throttles: number) => afterAttempt("throttled", { errors: 0, throttles }, fn);
  const failedAfter = (errors: number) => afterAttempt("timeout", { errors, throttles: 9 }, fn);

  assert.deepEqual(
    [1, 2, 3, 9, 10, 1_000].map(throttledAfter),
    [1, 2, 4, 256, 300, 300].map((seconds) => ({ type: "retry", delayMs: seconds * 1_000 })),
  );
  assert.deepEqual([1, 2, 3].map(failedAfter), [
    { type: "retry", delayMs: 60_000 },
    { type: "retry", delayMs: 120_000 },
    { type: "discard", reason: "RetriesExhausted" },
  ]);
  assert.deepEqual(afterAttempt("ok", { errors: 1, throttles: 1 }, fn), { type: "done" });
});
