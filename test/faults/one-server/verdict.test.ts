import assert from "node:assert/strict";
import { test } from "node:test";
import { headers as makeHeaders } from "nats";
import { IN, OUT } from "../../support/faults/ledger/ledger.ts";
import { keyOf } from "../../support/faults/ledger/plan.ts";
import { NO_FAULTS } from "../../support/faults/ledger/verdict.ts";
import { assertBalanced, startScenario } from "../../support/faults/scenario.ts";
import { startNats } from "../../support/nats.ts";

const MESSAGES = 60;

/** Without this, suites that find nothing could also be suites that look at nothing. */
test("a loss, a repeated effect, an inversion and a stuck message made on purpose are seen by the verdict", async (t) => {
  const nats = await startNats(t);
  const { ledger, outputs, judged, workers } = await startScenario(t, {
    servers: [nats.url],
    workers: 1,
    plan: { poisonEvery: 0, flakyEvery: 0 },
  });
  const jsm = await outputs.jetstreamManager();
  await ledger.enqueue(MESSAGES);
  await ledger.settled();
  await workers.stop();
  assertBalanced(await judged({ deaths: "none" }));
  const store = (number: number, msgID: string) =>
    outputs.jetstream().publish(`out.${keyOf(number)}`, String(number), { msgID });

  await jsm.streams.deleteMessage(OUT, 1);
  const [lost] = (await judged({ deaths: "none" })).evidence;
  await store(MESSAGES, "the last one, under another id");
  await store(MESSAGES - 24, "one of its key, after it");
  const headers = makeHeaders();
  headers.set("Choria-Sender", "node1");
  await outputs.jetstream().publish("in.node1", "nobody takes this", { headers });
  const { faults } = await judged({ deaths: "none", ordered: true });

  assert.match(lost ?? "", /^missing: \d+ has no effect: #1 done/);
  assert.equal((await jsm.streams.info(IN)).state.messages, 1);
  assert.deepEqual(
    { ...faults, "order inversions": Math.min(1, faults["order inversions"]) },
    { ...NO_FAULTS, missing: 1, "duplicate effects": 2, left: 1, "order inversions": 1 },
  );
});
