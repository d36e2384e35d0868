import assert from "node:assert/strict";
import { test } from "node:test";
import { SinkRefusedError, SinkUnavailableError } from "../../../shared/jobs/errors.ts";
import {
  type Decision,
  dead,
  decide,
  decideFailure,
  done,
  drop,
  type Outcome,
  retry,
  retryAfter,
} from "../../../shared/jobs/outcome.ts";

const policy = { policy: "fixed", delayMs: 500, maxDelayMs: 1_000, attempts: 3, jitter: 0 } as const;
const makeAttempt = (number: number) => ({ number, policy, random: 0 });

const outcomes: readonly (readonly [string, Outcome, number, Decision])[] = [
  ["done stays done", done(), 1, { type: "done" }],
  ["a retry waits as the policy says", retry(), 1, { type: "retry", delayMs: 500, reason: "RETRY_ASKED" }],
  ["retryAfter names its own delay", retryAfter(7), 2, { type: "retry", delayMs: 7, reason: "RETRY_ASKED" }],
  ["the last attempt is not retried", retry(), 3, { type: "dead", reason: "ATTEMPTS_SPENT", detail: "RETRY_ASKED" }],
  ["retryAfter is bounded too", retryAfter(7), 3, { type: "dead", reason: "ATTEMPTS_SPENT", detail: "RETRY_ASKED" }],
  ["dead keeps its reason", dead("NO_SUCH_HOST"), 1, { type: "dead", reason: "NO_SUCH_HOST", detail: "" }],
  ["drop keeps its reason", drop("stale"), 1, { type: "drop", reason: "stale" }],
];

for (const [name, outcome, attempt, expected] of outcomes) {
  test(`decide: ${name}`, () => assert.deepEqual(decide(outcome, makeAttempt(attempt)), expected));
}

const failures: readonly (readonly [string, unknown, number, Decision])[] = [
  ["an unknown error is retried", new Error("boom"), 1, { type: "retry", delayMs: 500, reason: "HANDLER_FAILED" }],
  [
    "something thrown that is no error is retried",
    "boom",
    1,
    { type: "retry", delayMs: 500, reason: "HANDLER_FAILED" },
  ],
  ["undefined thrown is retried", undefined, 2, { type: "retry", delayMs: 500, reason: "HANDLER_FAILED" }],
  [
    "a retryable JobsError is retried under its code",
    new SinkUnavailableError("out"),
    2,
    { type: "retry", delayMs: 500, reason: "SINK_UNAVAILABLE" },
  ],
  [
    "a JobsError that is not retryable is dead at once",
    new SinkRefusedError("out", "too large"),
    1,
    { type: "dead", reason: "SINK_REFUSED", detail: 'sink "out" refused the message: too large' },
  ],
  [
    "a JobsError from another copy of the package counts the same",
    Object.assign(new Error("no"), { code: "MINE", retryable: false }),
    1,
    { type: "dead", reason: "MINE", detail: "no" },
  ],
  [
    "a system error's code is not mistaken for one of ours",
    Object.assign(new Error("refused"), { code: "ECONNREFUSED" }),
    1,
    { type: "retry", delayMs: 500, reason: "HANDLER_FAILED" },
  ],
  [
    "the last failed attempt is dead and says why",
    new Error("boom"),
    3,
    { type: "dead", reason: "ATTEMPTS_SPENT", detail: "HANDLER_FAILED: boom" },
  ],
];

for (const [name, error, attempt, expected] of failures) {
  test(`decideFailure: ${name}`, () => assert.deepEqual(decideFailure(error, makeAttempt(attempt)), expected));
}

test("retryAfter refuses a delay that makes no sense", () => {
  for (const delayMs of [-1, Number.NaN, Number.POSITIVE_INFINITY])
    assert.throws(() => retryAfter(delayMs), RangeError);
});
