import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { Budget, WaitingLine } from "../../../functions/bridge/quarantine/budget.ts";

test("a budget gives its share in each second and saves nothing up", () => {
  const budget = new Budget(2);
  const taken = [5_000, 5_001, 5_999, 6_000, 9_000, 9_001, 9_002].map((now) => budget.take(now));
  assert.deepEqual(taken, [true, true, false, true, true, true, false]);
});

function setup(perSecond: number) {
  mock.timers.enable({ apis: ["setTimeout"] });
  let now = 0;
  const passed: number[] = [];
  const line = new WaitingLine<number>(
    new Budget(perSecond),
    (item) => passed.push(item),
    () => now,
  );
  const advance = (ms: number) => {
    now += ms;
    mock.timers.tick(ms);
  };
  return { line, passed, advance };
}

test("a line passes on what the budget allows and the rest later, in order", (t) => {
  t.after(() => mock.timers.reset());
  const { line, passed, advance } = setup(2);

  for (const item of [1, 2, 3, 4, 5]) line.add(item);
  assert.deepEqual(passed, [1, 2]);
  advance(1_000);
  line.add(6);
  assert.deepEqual(passed, [1, 2, 3, 4]);
  advance(1_000);

  assert.deepEqual(passed, [1, 2, 3, 4, 5, 6]);
});

test("a line that is closed returns what waits, and passes nothing on any more", (t) => {
  t.after(() => mock.timers.reset());
  const { line, passed, advance } = setup(1);
  for (const item of [1, 2, 3]) line.add(item);

  const waiting = line.close();
  advance(5_000);

  assert.deepEqual([passed, waiting], [[1], [2, 3]]);
});
