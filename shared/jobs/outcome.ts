import type { RunTimeoutError } from "./errors.ts";
import { describeFailure, type Failure } from "./failure.ts";
import { isDelay } from "./read-outcome.ts";
import { type RetryPolicy, retryDelayMs } from "./retry.ts";

/** What a handler says about a message. Values rather than exceptions, because values can be tested. */
export type Outcome =
  | { readonly type: "done" }
  /** `delayMs` null: the retry policy decides. */
  | { readonly type: "retry"; readonly delayMs: number | null }
  | { readonly type: "dead"; readonly reason: string; readonly detail: string }
  | { readonly type: "drop"; readonly reason: string }
  | { readonly type: "snooze"; readonly delayMs: number };

/** What is done about the message: an outcome with nothing left to decide. */
export type Decision =
  | { readonly type: "done" }
  | { readonly type: "retry"; readonly delayMs: number; readonly reason: string }
  | { readonly type: "dead"; readonly reason: string; readonly detail: string }
  | { readonly type: "drop"; readonly reason: string }
  /** Again after the delay, and the run is not counted among the message's attempts. */
  | { readonly type: "snooze"; readonly delayMs: number };

const TIMEOUT = "TIMEOUT" satisfies RunTimeoutError["code"];
const DONE = { type: "done" } as const;
const BY_POLICY = { type: "retry", delayMs: null } as const;

/** The message is processed: it is acknowledged. A handler that returns nothing says the same. */
export function done(): Outcome {
  return DONE;
}

/** Run again after the delay of the retry policy. */
export function retry(): Outcome {
  return BY_POLICY;
}

/** Run again after `delayMs` milliseconds. The run still counts as an attempt. */
export function retryAfter(delayMs: number): Outcome {
  return { type: "retry", delayMs: checkedDelay("retryAfter", delayMs) };
}

/** Give up: the message goes to the dead-letter stream. `reason` is a short stable code, `detail` a sentence for people. */
export function dead(reason: string, detail = ""): Outcome {
  return { type: "dead", reason, detail };
}

/** The message is not wanted: it is removed and counted, and no copy is kept. */
export function drop(reason: string): Outcome {
  return { type: "drop", reason };
}

/** Not now: run again after `delayMs` milliseconds. The run is not counted, so a message may snooze without end. */
export function snooze(delayMs: number): Outcome {
  return { type: "snooze", delayMs: checkedDelay("snooze", delayMs) };
}

function checkedDelay(outcome: string, delayMs: number): number {
  if (!isDelay(delayMs)) throw new RangeError(`${outcome}: ${delayMs} is not a delay`);
  return delayMs;
}

/** Where a run stands among the runs of its message. */
export interface Attempt {
  /** From 1. */
  readonly number: number;
  readonly policy: RetryPolicy;
  /** In [0, 1), for jitter. */
  readonly random: number;
}

/** Settles what an outcome leaves open: the delay of a retry, and that attempts are bounded. */
export function decide(outcome: Outcome, attempt: Attempt): Decision {
  if (outcome.type === "retry") return again(outcome.delayMs, attempt, { code: "RETRY_ASKED", detail: "" });
  return outcome;
}

/** The decision on a run that threw: again while attempts are left, unless the error says otherwise. */
export function decideFailure(error: unknown, attempt: Attempt): Decision {
  const { code, detail, outcome } = describeFailure(error);
  if (outcome.type === "retry") return again(outcome.delayMs, attempt, { code, detail });
  return outcome;
}

function again(
  delayMs: number | null,
  { number, policy, random }: Attempt,
  { code, detail }: Pick<Failure, "code" | "detail">,
): Decision {
  if (number >= policy.attempts) return spent(code, detail);
  return { type: "retry", delayMs: delayMs ?? retryDelayMs(policy, number, random), reason: code };
}

/** A handler that hangs is found by its reason: nothing it threw could tell of it. */
function spent(code: string, detail: string): Decision {
  if (code === TIMEOUT) return { type: "dead", reason: TIMEOUT, detail };
  return { type: "dead", reason: "ATTEMPTS_SPENT", detail: detail === "" ? code : `${code}: ${detail}` };
}
