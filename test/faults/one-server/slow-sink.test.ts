import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { FaultyProxy } from "../../support/faults/proxy.ts";
import { reportRow } from "../../support/faults/report.ts";
import { assertBalanced, PATIENT, startScenario } from "../../support/faults/scenario.ts";
import { startNats } from "../../support/nats.ts";

/** There and back: longer than the lease of 2 s, shorter than a PubAck is waited for. */
const ONE_WAY_MS = 1_200;
const SLOW_MESSAGES = 300;
const MESSAGES = 600;
/** Longer than a PubAck is waited for: runs are thwarted, and what they had published arrives later all the same. */
const FROZEN_MS = 7_000;

test("a sink that answers later than the lease ends is waited for, and costs no attempt", async (t) => {
  const [nats, far] = await Promise.all([startNats(t), startNats(t)]);
  const proxy = await FaultyProxy.start(t, far.server.port);
  const { ledger, verdict } = await startScenario(t, {
    servers: [nats.url],
    sinkServers: [far.url],
    routes: () => ({ far: [proxy.url] }),
  });
  const started = performance.now();

  proxy.delay(ONE_WAY_MS);
  await ledger.enqueue(SLOW_MESSAGES);
  await ledger.settled();
  proxy.delay(0);
  const books = await verdict({ deaths: "none" });

  reportRow(t, { fault: `sink ${2 * ONE_WAY_MS} ms away, lease 2 s`, times: 1, nats, books, started });
  assertBalanced(books);
});

test("a sink's server that stands still and goes on loses nothing and repeats no effect", async (t) => {
  const [nats, far] = await Promise.all([startNats(t), startNats(t)]);
  const { ledger, verdict } = await startScenario(t, {
    servers: [nats.url],
    sinkServers: [far.url],
    plan: { poisonEvery: 0 },
    retry: PATIENT,
  });
  const started = performance.now();

  const enqueued = [ledger.enqueue(MESSAGES)];
  await far.server.kill("SIGSTOP");
  enqueued.push(ledger.enqueue(MESSAGES));
  await wait(FROZEN_MS);
  await far.server.kill("SIGCONT");
  await Promise.all(enqueued);
  const books = await verdict({ deaths: "none" });

  reportRow(t, { fault: "sink's server stopped for 7 s", times: 1, nats, books, started });
  assert.ok((books.counted["runs thwarted"] ?? 0) > 0, "no run was thwarted: the test shows nothing");
  assertBalanced(books);
});
