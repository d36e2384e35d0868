import assert from "node:assert/strict";
import { test } from "node:test";
import { PullLedger } from "../../../shared/jetstream/pull-ledger.ts";

function makeLedger(...batches: readonly number[]): PullLedger {
  const ledger = new PullLedger();
  for (const [index, batch] of batches.entries()) {
    ledger.asked(`p${index}`, { batch, bytes: Number.POSITIVE_INFINITY, goneAt: 1_000 * (index + 1) });
  }
  return ledger;
}

test("what is owed falls with each delivery and with what an ended pull will not bring", () => {
  const ledger = makeLedger(10, 5);

  ledger.delivered(100);
  ledger.ended("p0", 9);

  assert.equal(ledger.owed, 5);
});

test("an ending that does not say how much is missing is made up for when the last pull ends", () => {
  const ledger = makeLedger(10, 5);

  ledger.ended("p0", null);
  assert.equal(ledger.owed, 15);
  ledger.ended("p1", null);

  assert.equal(ledger.owed, 0);
});

test("an ending that is told twice, or for a pull long forgotten, counts once", () => {
  const ledger = makeLedger(10, 5);

  ledger.ended("p0", 10);
  ledger.ended("p0", 10);
  ledger.ended("unknown", 3);

  assert.equal(ledger.owed, 5);
});

test("more deliveries than were asked for never make the debt negative", () => {
  const ledger = makeLedger(1);

  ledger.delivered(100);
  ledger.delivered(100);
  ledger.asked("next", { batch: 4, bytes: 1_000, goneAt: 9_000 });

  assert.equal(ledger.owed, 4);
});

test("a pull whose ending was never heard is dropped after its time", () => {
  const ledger = makeLedger(10, 5);

  ledger.expire(1_000);
  assert.equal(ledger.owed, 15);
  ledger.expire(2_000);

  assert.equal(ledger.owed, 0);
});

test("a pull whose bytes are used up to the last owes nothing", () => {
  const ledger = new PullLedger();
  ledger.asked("p", { batch: 10, bytes: 300, goneAt: 1_000 });

  ledger.delivered(100);
  ledger.delivered(199);
  assert.equal(ledger.owed, 8);
  ledger.delivered(1);

  assert.equal(ledger.owed, 0);
});
