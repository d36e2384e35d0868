import assert from "node:assert/strict";
import { test } from "node:test";
import { ageOf } from "../../../functions/dispatcher/watching/oldest.ts";

const NOW = 50_000;
const WALL = 1_700_000_000_000;

const CASES: readonly [name: string, skewMs: number, emptyAt: number | null, ageMs: number][] = [
  ["clocks that agree: since it was stored", 0, null, 4_000],
  ["our clock ahead, and the queue seen empty lately: since then", 60_000, NOW - 5_000, 5_000],
  ["our clock ahead, and the queue never seen empty: what the clocks say", 60_000, null, 64_000],
  ["our clock behind: since we saw it first", -60_000, NOW - 9_000, 3_000],
];

for (const [name, skewMs, emptyAt, ageMs] of CASES) {
  test(`the age of the oldest message with ${name}`, () => {
    const oldest = { sequence: 1, storedAt: WALL - 4_000, seenAt: NOW - 3_000 };

    assert.equal(ageOf(oldest, emptyAt, { now: NOW, wallNow: WALL + skewMs }), ageMs);
  });
}
