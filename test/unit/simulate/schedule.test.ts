import assert from "node:assert/strict";
import { test } from "node:test";
import { makeSchedule, nextStep } from "../../../functions/simulate/schedule.ts";

const cases = [
  { name: "the first message is due at once", elapsedMs: 0, next: 0, step: { from: 0, to: 1, skipped: 0, waitMs: 0 } },
  { name: "nothing is sent before its time", elapsedMs: 4, next: 1, step: { from: 1, to: 1, skipped: 0, waitMs: 6 } },
  { name: "a little late is made up for", elapsedMs: 55, next: 1, step: { from: 1, to: 6, skipped: 0, waitMs: 0 } },
  { name: "no more than a batch at once", elapsedMs: 999, next: 1, step: { from: 1, to: 65, skipped: 0, waitMs: 0 } },
  {
    name: "what is over a second late is skipped and counted",
    elapsedMs: 3_000,
    next: 1,
    step: { from: 201, to: 265, skipped: 200, waitMs: 0 },
  },
] as const;

for (const { name, elapsedMs, next, step } of cases) {
  test(`${name} (200 nodes, 2 s)`, () => {
    assert.deepEqual(nextStep(makeSchedule(200, 2_000), elapsedMs, next), step);
  });
}

test("over an interval every node has its turn once", () => {
  const schedule = makeSchedule(7, 1_000);
  let next = 0;
  for (let elapsedMs = 0; elapsedMs < 999; elapsedMs += 20) next = nextStep(schedule, elapsedMs, next).to;
  assert.equal(next, 7);
});
