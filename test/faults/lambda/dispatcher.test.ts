import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { eventually } from "../../support/eventually.ts";
import { startDispatcher } from "../../support/faults/dispatcher.ts";
import { LONG } from "../../support/faults/form.ts";
import { startLedgerFunction } from "../../support/faults/functions.ts";
import { reportRow } from "../../support/faults/report.ts";
import { assertBalanced, startScenario } from "../../support/faults/scenario.ts";
import { startNats } from "../../support/nats.ts";

const MESSAGES = 4_000;
const SCHEDULE_MS = 3_000;
const THROTTLED_MS = LONG ? 120_000 : 30_000;
const FUNCTION = "test-consumer";

test("a dispatcher that is killed in the midst of a burst leaves the rest to the schedule", async (t) => {
  const nats = await startNats(t);
  const scenario = await startScenario(t, { servers: [nats.url], workers: 0 });
  const deployment = { timeoutMs: 20_000, reservedConcurrency: 4, scheduleMs: SCHEDULE_MS };
  const lambda = await startLedgerFunction(t, scenario, deployment);
  const dispatcher = await startDispatcher(t, scenario, lambda);
  const started = performance.now();

  const enqueued = scenario.ledger.enqueue(MESSAGES);
  await eventually(() => assert.ok(lambda.running(FUNCTION) >= 2, "the dispatcher has woken the function"));
  dispatcher.child.kill("SIGKILL");
  await dispatcher.ended;
  const woken = lambda.invocations.filter(({ type }) => type === "RequestResponse").length;
  await enqueued;
  const books = await scenario.verdict({ deaths: "none" });

  const scheduled = lambda.invocations.filter(({ type, outcome }) => type === "Event" && outcome === "ok");
  assert.ok(scheduled.length > 0, `${woken} drains of the dispatcher did everything`);
  reportRow(t, { fault: "SIGKILL of the dispatcher in a burst", times: 1, nats, books, started });
  assertBalanced(books);
});

test("functions that are throttled for long are asked for rarely, and catch up when they run again", async (t) => {
  const nats = await startNats(t);
  const scenario = await startScenario(t, { servers: [nats.url], workers: 0 });
  const lambda = await startLedgerFunction(t, scenario, { timeoutMs: 20_000, reservedConcurrency: 4 });
  await startDispatcher(t, scenario, lambda);
  const started = performance.now();

  lambda.throttle(FUNCTION, true);
  await scenario.ledger.enqueue(MESSAGES);
  await wait(THROTTLED_MS);
  const refused = lambda.invocations.length;
  lambda.throttle(FUNCTION, false);
  const books = await scenario.verdict({ deaths: "none" });

  // Pauses double from one second to thirty: 1, 2, 4, 8, 16, 30, 30 …
  assert.ok(refused >= 2 && refused <= 6 + THROTTLED_MS / 15_000, `${refused} requests in ${THROTTLED_MS} ms`);
  const drains = lambda.invocations.filter(({ outcome }) => outcome === "ok").length;
  assert.ok(drains <= 60, `${drains} drains for ${MESSAGES} messages`);
  reportRow(t, { fault: `functions throttled for ${THROTTLED_MS / 1_000} s`, times: 1, nats, books, started });
  assertBalanced(books);
});
