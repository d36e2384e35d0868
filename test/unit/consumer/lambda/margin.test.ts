import assert from "node:assert/strict";
import { test } from "node:test";
import { EndMargin } from "../../../../functions/consumer/lambda/margin.ts";

const after = (runs: readonly number[]): number | undefined => {
  const margin = new EndMargin();
  for (const ms of runs) margin.observe(ms);
  return margin.endMs;
};
const repeated = (ms: number, times: number): readonly number[] => Array.from({ length: times }, () => ms);

test("nothing is known before something has run", () => {
  assert.equal(after([]), undefined);
});

test("quick handlers keep little time back, slow ones what their slowest hundredth takes", () => {
  assert.equal(after(repeated(2, 100)), 785); // (2 + 500) / 0.64
  assert.equal(after([...repeated(2, 98), ...repeated(8_000, 2)]), 13_282);
  assert.equal(after([...repeated(2, 199), 8_000]), 785); // one in two hundred is not in the p99
});

test("what ran long ago is forgotten", () => {
  assert.equal(after([...repeated(8_000, 100), ...repeated(2, 512)]), 785);
});
