import assert from "node:assert/strict";
import { test } from "node:test";
import { countText, safeText, spanText, tableText } from "../../../functions/cli/text.ts";

const SPANS: readonly (readonly [ms: number, text: string])[] = [
  [0, "0ms"],
  [12.4, "12ms"],
  [1_000, "1.0s"],
  [9_990, "10.0s"],
  [12_000, "12s"],
  [125_000, "2m 5s"],
  [3_600_000, "1h"],
  [90_061_000, "1d 1h"],
];

for (const [ms, text] of SPANS) {
  test(`${ms} ms are ${text}`, () => {
    assert.equal(spanText(ms), text);
  });
}

test("counts have separators", () => {
  assert.equal(countText(1_234_567.4), "1,234,567");
});

test("what others wrote does not drive a terminal and stays on one line", () => {
  assert.equal(safeText("a\u001b[31mb\nc"), "a?[31mb?c");
  assert.equal(safeText("x".repeat(9), 3), "xxx…");
});

test("columns are as wide as their widest cell", () => {
  assert.equal(
    tableText([
      ["A", "B"],
      ["long", "c"],
    ]),
    "A     B\nlong  c",
  );
});
