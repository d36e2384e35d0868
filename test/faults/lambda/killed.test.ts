import assert from "node:assert/strict";
import { test } from "node:test";
import { drainAll, startLedgerFunction } from "../../support/faults/functions.ts";
import { reportRow } from "../../support/faults/report.ts";
import { assertBalanced, startScenario } from "../../support/faults/scenario.ts";
import { invoke } from "../../support/functions.ts";
import { startNats } from "../../support/nats.ts";

const MESSAGES = 400;
/** A handler that keeps the event loop from everything else: no drain can end in time then. */
const BLOCKING = 100;
const TIMEOUT_MS = 8_000;

test("an invocation that is killed at its time limit costs no message, and its work is done once", async (t) => {
  const nats = await startNats(t);
  const plan = { spinning: [BLOCKING], spinMs: 3 * TIMEOUT_MS };
  const scenario = await startScenario(t, { servers: [nats.url], workers: 0, plan });
  const lambda = await startLedgerFunction(t, scenario, { timeoutMs: TIMEOUT_MS, reservedConcurrency: 1 });
  await scenario.ledger.enqueue(MESSAGES);
  const started = performance.now();

  const { error, payload } = await invoke(lambda, "consumer");
  const failures = await drainAll(lambda, scenario, 1);
  const books = await scenario.verdict({ deaths: "workers" });

  assert.equal(error, "Unhandled");
  assert.match(JSON.stringify(payload), /Task timed out after 8\.00 seconds/);
  assert.deepEqual(failures, []);
  const runs = (await scenario.runs()).filter(({ number }) => number === BLOCKING);
  assert.deepEqual(
    runs.map(({ end }) => end),
    [null, "done"],
  );
  reportRow(t, { fault: "invocation killed at its time limit", times: 1, nats, books, started });
  assertBalanced(books);
});
