import assert from "node:assert/strict";
import { test } from "node:test";
import { drainAll, startLedgerFunction } from "../../support/faults/functions.ts";
import { reportRow } from "../../support/faults/report.ts";
import { assertBalanced, startScenario } from "../../support/faults/scenario.ts";
import { startNats } from "../../support/nats.ts";

const INVOCATIONS = 20;
const MESSAGES = 10_000;

test("twenty invocations at a time share a queue of 10,000 messages, and repeat no effect", async (t) => {
  const nats = await startNats(t);
  const scenario = await startScenario(t, { servers: [nats.url], workers: 0 });
  const deployment = { timeoutMs: 120_000, reservedConcurrency: INVOCATIONS };
  const lambda = await startLedgerFunction(t, scenario, deployment);
  await scenario.ledger.enqueue(MESSAGES);
  const started = performance.now();

  const failures = await drainAll(lambda, scenario, INVOCATIONS);
  const books = await scenario.verdict({ deaths: "none" });

  assert.deepEqual(failures, []);
  assert.equal(new Set(lambda.invocations.map(({ environment }) => environment)).size, INVOCATIONS);
  reportRow(t, { fault: "20 invocations of a function at a time", times: 1, nats, books, started });
  assertBalanced(books);
});
