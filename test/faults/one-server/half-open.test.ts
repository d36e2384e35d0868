import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { eventually } from "../../support/eventually.ts";
import { FaultyProxy } from "../../support/faults/proxy.ts";
import { reportRow } from "../../support/faults/report.ts";
import { assertBalanced, startScenario } from "../../support/faults/scenario.ts";
import { startNats } from "../../support/nats.ts";

const MESSAGES = 600;
/** Small change for whoever pulls, until the worker that was cut off gets some of it. */
const LATER = 20;
const BETWEEN_MS = 500;
const CUT_OFF = 2;
/** The client asks every 20 s whether the server is there, and gives up after two questions without an answer. */
const NOTICED_WITHIN_MS = 150_000;

test("a worker whose link swallows everything holds nothing up, and comes back by itself", async (t) => {
  const nats = await startNats(t);
  const proxy = await FaultyProxy.start(t, nats.server.port);
  const { ledger, workers, verdict, runs } = await startScenario(t, {
    servers: [nats.url],
    routes: (worker) => (worker === CUT_OFF ? { main: [proxy.url] } : {}),
  });
  const started = performance.now();

  const enqueued = [ledger.enqueue(MESSAGES)];
  await eventually(async () => assert.ok((await runs()).length > MESSAGES / 4, "the workers are in the middle of it"));
  assert.equal(proxy.swallow(), 1);
  enqueued.push(ledger.enqueue(MESSAGES));
  await Promise.all(enqueued);
  await ledger.settled();

  const before = (await runs()).filter(({ pid }) => pid === workers.pid(CUT_OFF)).length;
  await eventually(
    async () => {
      await ledger.enqueue(LATER);
      await wait(BETWEEN_MS);
      const now = (await runs()).filter(({ pid }) => pid === workers.pid(CUT_OFF)).length;
      assert.ok(now > before, "the worker that was cut off runs nothing yet");
    },
    { timeoutMs: NOTICED_WITHIN_MS },
  );
  const books = await verdict({ deaths: "none", leasesLost: true });

  reportRow(t, { fault: "half-open TCP link of a worker", times: 1, nats, books, started });
  assertBalanced(books);
});
