import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually } from "../../support/eventually.ts";
import { drainAll, startLedgerFunction } from "../../support/faults/functions.ts";
import { reportRow } from "../../support/faults/report.ts";
import { assertBalanced, startScenario } from "../../support/faults/scenario.ts";
import { invoke } from "../../support/functions.ts";
import { startNats } from "../../support/nats.ts";

const MESSAGES = 2_000;

test("a server that is away while a function drains is told as an error, and nothing is lost", async (t) => {
  const nats = await startNats(t);
  const scenario = await startScenario(t, { servers: [nats.url], workers: 0 });
  const lambda = await startLedgerFunction(t, scenario, { timeoutMs: 12_000, reservedConcurrency: 1 });
  await scenario.ledger.enqueue(MESSAGES);
  const started = performance.now();

  const invocation = invoke(lambda, "consumer");
  await eventually(async () => assert.ok((await scenario.runs()).length > 100, "the drain is under way"));
  await nats.server.kill("SIGKILL");
  const { error, payload } = await invocation;
  await nats.server.restart();
  await eventually(async () => assert.ok((await scenario.ledger.left()) > 0, "some are left"));
  const failures = await drainAll(lambda, scenario, 1);
  const books = await scenario.verdict({ deaths: "servers", serverDeaths: 1, resurrects: isOld(nats.serverVersion) });

  assert.equal(error, "Unhandled");
  assert.match(JSON.stringify(payload), /"errorType":"DrainCutOffError".*the server was away/);
  assert.deepEqual(failures, []);
  reportRow(t, { fault: "SIGKILL of the server during an invocation", times: 1, nats, books, started });
  assertBalanced(books);
});

/** See docs/reliability.md: what nats-server 2.9 brings back after kill -9. */
function isOld(version: string): boolean {
  return version.startsWith("2.9.");
}
