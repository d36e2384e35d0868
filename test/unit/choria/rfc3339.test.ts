import assert from "node:assert/strict";
import { test } from "node:test";
import { formatRfc3339, isRepresentable, parseRfc3339 } from "../../../shared/choria/rfc3339.ts";

const times: readonly [bigint, string][] = [
  [0n, "1970-01-01T00:00:00Z"],
  [1_795_416_749_958_027_500n, "2026-11-23T06:52:29.9580275Z"],
  [1_780_315_195_123_456_789n, "2026-06-01T11:59:55.123456789Z"],
  [-1n, "1969-12-31T23:59:59.999999999Z"],
  [-62_167_219_200_000_000_000n, "0000-01-01T00:00:00Z"],
  [253_402_300_799_999_999_999n, "9999-12-31T23:59:59.999999999Z"],
];

for (const [ns, text] of times) {
  test(`${text} is written as Go writes it, and read back`, () => {
    assert.equal(formatRfc3339(ns), text);
    assert.equal(parseRfc3339(text), ns);
  });
}

test("years before 0 and after 9999 cannot be written", () => {
  assert.equal(isRepresentable(253_402_300_800_000_000_000n), false);
  assert.equal(isRepresentable(-62_167_219_200_000_000_001n), false);
});

test("what is no time is not read as one", () => {
  for (const text of ["", "now", "2026-06-01", "2026-06-01T12:00:00", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z"]) {
    assert.equal(parseRfc3339(text), null, text);
  }
});

test("an offset is taken into account", () => {
  assert.equal(parseRfc3339("2026-06-01T14:00:00.5+02:00"), parseRfc3339("2026-06-01T12:00:00.5Z"));
});
