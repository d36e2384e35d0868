import assert from "node:assert/strict";
import { test } from "node:test";
import { runInNewContext } from "node:vm";
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
  snooze,
} from "../../../shared/jobs/outcome.ts";
import { DeadError, DropError, RetryError, SnoozeError } from "../../../shared/jobs/outcome-errors.ts";
import { readOutcome } from "../../../shared/jobs/read-outcome.ts";

const policy = { policy: "fixed", delayMs: 500, maxDelayMs: 1_000, attempts: 3, jitter: 0 } as const;
const makeAttempt = (number: number) => ({ number, policy, random: 0 });

const outcomes: readonly (readonly [string, Outcome, number, Decision])[] = [
  ["done stays done", done(), 1, { type: "done" }],
  ["a retry waits as the policy says", retry(), 1, { type: "retry", delayMs: 500, reason: "RETRY_ASKED" }],
  ["retryAfter names its own delay", retryAfter(7), 2, { type: "retry", delayMs: 7, reason: "RETRY_ASKED" }],
  ["the last attempt is not retried", retry(), 3, { type: "dead", reason: "ATTEMPTS_SPENT", detail: "RETRY_ASKED" }],
  ["retryAfter is bounded too", retryAfter(7), 3, { type: "dead", reason: "ATTEMPTS_SPENT", detail: "RETRY_ASKED" }],
  ["dead keeps its reason", dead("NO_SUCH_HOST"), 1, { type: "dead", reason: "NO_SUCH_HOST", detail: "" }],
  [
    "dead keeps its detail",
    dead("NO_SUCH_HOST", "n1 is gone"),
    1,
    { type: "dead", reason: "NO_SUCH_HOST", detail: "n1 is gone" },
  ],
  ["a snooze keeps its delay", snooze(9), 1, { type: "snooze", delayMs: 9 }],
  ["a snooze is possible when no attempt is left", snooze(9), 3, { type: "snooze", delayMs: 9 }],
  ["drop keeps its reason", drop("stale"), 1, { type: "drop", reason: "stale" }],
];

for (const [name, outcome, attempt, expected] of outcomes) {
  test(`decide: ${name}`, () => assert.deepEqual(decide(outcome, makeAttempt(attempt)), expected));
}

const unreadable = {
  get message(): string {
    throw new Error("no");
  },
};

const failures: readonly (readonly [string, unknown, number, Decision])[] = [
  ["an unknown error is retried", new Error("boom"), 1, { type: "retry", delayMs: 500, reason: "HANDLER_FAILED" }],
  [
    "something thrown that is no error is retried under a code of its own",
    "boom",
    1,
    { type: "retry", delayMs: 500, reason: "THREW_NON_ERROR" },
  ],
  ["undefined thrown is retried", undefined, 2, { type: "retry", delayMs: 500, reason: "THREW_NON_ERROR" }],
  [
    "an object without a prototype is named, not turned into text",
    Object.create(null),
    3,
    { type: "dead", reason: "ATTEMPTS_SPENT", detail: "THREW_NON_ERROR: the run threw an object" },
  ],
  [
    "an error that cannot be read is retried",
    unreadable,
    1,
    { type: "retry", delayMs: 500, reason: "THREW_NON_ERROR" },
  ],
  [
    "an error of another realm is an error",
    runInNewContext("new Error('boom')"),
    3,
    { type: "dead", reason: "ATTEMPTS_SPENT", detail: "HANDLER_FAILED: boom" },
  ],
  [
    "RetryError waits as the policy says",
    new RetryError("busy"),
    1,
    { type: "retry", delayMs: 500, reason: "RETRY_ASKED" },
  ],
  [
    "RetryError may name its delay",
    new RetryError("busy", { delayMs: 7 }),
    1,
    { type: "retry", delayMs: 7, reason: "RETRY_ASKED" },
  ],
  [
    "RetryError is bounded, and its message says why",
    new RetryError("busy"),
    3,
    { type: "dead", reason: "ATTEMPTS_SPENT", detail: "RETRY_ASKED: busy" },
  ],
  ["DeadError is dead at once", new DeadError("GONE", "n1"), 1, { type: "dead", reason: "GONE", detail: "n1" }],
  ["DropError drops", new DropError("STALE"), 1, { type: "drop", reason: "STALE" }],
  ["SnoozeError snoozes whatever the attempt", new SnoozeError(9), 3, { type: "snooze", delayMs: 9 }],
  [
    "an outcome on an error counts by shape",
    Object.assign(new Error("later"), { outcome: { type: "snooze", delayMs: 3 } }),
    1,
    { type: "snooze", delayMs: 3 },
  ],
  [
    "a foreign property of that name is ignored",
    Object.assign(new Error("x"), { outcome: "rejected" }),
    1,
    { type: "retry", delayMs: 500, reason: "HANDLER_FAILED" },
  ],
  [
    "a throw is never a success",
    Object.assign(new Error("x"), { outcome: done() }),
    1,
    { type: "retry", delayMs: 500, reason: "HANDLER_FAILED" },
  ],
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

const readable: readonly (readonly [string, unknown, Outcome])[] = [
  ["nothing means done", undefined, done()],
  ["null means done", null, done()],
  ["an outcome of another copy of the package", { type: "dead", reason: "X" }, dead("X")],
  ["a retry without a delay", { type: "retry" }, retry()],
  ["a snooze", { type: "snooze", delayMs: 5 }, snooze(5)],
];

for (const [name, returned, expected] of readable) {
  test(`a run may return ${name}`, () => assert.deepEqual(readOutcome(returned), expected));
}

const garbage: readonly (readonly [string, unknown, RegExp])[] = [
  ["a number", 1, /returned a number/],
  ["true", true, /returned a boolean/],
  ["a text", "done", /returned a string/],
  ["a list", [done()], /returned a list/],
  ["an object of another kind", { rows: 1 }, /returned an object,/],
  ["an unknown outcome", { type: "finished" }, /an object of type "finished"/],
  ["a retry with a delay that is none", { type: "retry", delayMs: -1 }, /of type "retry"/],
  ["a snooze without a delay", { type: "snooze" }, /of type "snooze"/],
  ["a death without a reason", { type: "dead" }, /of type "dead"/],
];

for (const [name, returned, message] of garbage) {
  test(`a run that returns ${name} has failed under BAD_OUTCOME`, () => {
    assert.throws(() => readOutcome(returned), { code: "BAD_OUTCOME", retryable: false, message });
  });
}

test("retryAfter and snooze refuse a delay that makes no sense", () => {
  for (const delayMs of [-1, Number.NaN, Number.POSITIVE_INFINITY])
    for (const outcome of [retryAfter, snooze]) assert.throws(() => outcome(delayMs), RangeError);
});
