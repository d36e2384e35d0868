import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually } from "../../support/eventually.ts";
import { OUT } from "../../support/faults/ledger/ledger.ts";
import { reportRow } from "../../support/faults/report.ts";
import { assertBalanced, PATIENT, startScenario } from "../../support/faults/scenario.ts";
import { startNats } from "../../support/nats.ts";

const MOST = 200;
const ROUNDS = 4;

test("an outputs' stream that is full and then has room again loses nothing and repeats no effect", async (t) => {
  const nats = await startNats(t);
  const jsm = await nats.jsm();
  const { ledger, verdict, thwarted } = await startScenario(t, {
    servers: [nats.url],
    out: { maxMessages: MOST, discard: "new" },
    plan: { poisonEvery: 0 },
    retry: PATIENT,
  });
  const started = performance.now();

  const enqueued = ledger.enqueue(MOST * ROUNDS);
  for (let round = 1; round < ROUNDS; round += 1) {
    const before = await thwarted();
    await eventually(async () => assert.equal((await jsm.streams.info(OUT)).state.messages, MOST));
    await eventually(async () => assert.ok((await thwarted()) > before, "no output was refused yet"));
    assert.equal(await ledger.bank(), MOST);
  }
  await enqueued;
  const books = await verdict({ deaths: "none" });

  reportRow(t, { fault: "outputs' stream full, then freed", times: ROUNDS - 1, nats, books, started });
  assertBalanced(books);
});
