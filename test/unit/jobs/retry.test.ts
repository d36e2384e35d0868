import assert from "node:assert/strict";
import { test } from "node:test";
import { type RetryPolicy, retryDelayMs } from "../../../shared/jobs/retry.ts";

function makePolicy(changes: Partial<RetryPolicy>): RetryPolicy {
  return { policy: "exponential", delayMs: 1_000, maxDelayMs: 60_000, attempts: 10, jitter: 0, ...changes };
}

const table: readonly (readonly [string, Partial<RetryPolicy>, number, number, number])[] = [
  ["exponential starts at the first delay", {}, 1, 0, 1_000],
  ["exponential doubles", {}, 4, 0, 8_000],
  ["exponential stops at the cap", {}, 9, 0, 60_000],
  ["exponential stays finite for absurd attempts", {}, 1_000_000, 0, 60_000],
  ["linear grows by the delay", { policy: "linear" }, 3, 0, 3_000],
  ["linear stops at the cap", { policy: "linear" }, 100, 0, 60_000],
  ["fixed never grows", { policy: "fixed" }, 7, 0, 1_000],
  ["jitter shortens the delay by at most its share", { policy: "fixed", jitter: 0.2 }, 1, 1, 800],
  ["jitter of nothing changes nothing", { policy: "fixed", jitter: 0.2 }, 1, 0, 1_000],
  ["jitter still spreads those at the cap", { jitter: 0.5 }, 20, 0.5, 45_000],
];

for (const [name, changes, attempt, random, expected] of table) {
  test(`retry delay: ${name}`, () => assert.equal(retryDelayMs(makePolicy(changes), attempt, random), expected));
}
