import { type RetryPolicy, retryDelayMs } from "./retry.ts";

/** What a handler says about a message. Values rather than exceptions, because values can be tested. */
export type Outcome =
  | { readonly type: "done" }
  /** `delayMs` null: the retry policy decides. */
  | { readonly type: "retry"; readonly delayMs: number | null }
  | { readonly type: "dead"; readonly reason: string }
  | { readonly type: "drop"; readonly reason: string };

/** What is done about the message: an outcome with nothing left to decide. */
export type Decision =
  | { readonly type: "done" }
  | { readonly type: "retry"; readonly delayMs: number; readonly reason: string }
  | { readonly type: "dead"; readonly reason: string; readonly detail: string }
  | { readonly type: "drop"; readonly reason: string };

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
  if (!Number.isFinite(delayMs) || delayMs < 0) throw new RangeError(`retryAfter: ${delayMs} is not a delay`);
  return { type: "retry", delayMs };
}

/** Give up: the message goes to the dead-letter stream. `reason` is a short stable code. */
export function dead(reason: string): Outcome {
  return { type: "dead", reason };
}

/** The message is not wanted: it is removed and counted, and no copy is kept. */
export function drop(reason: string): Outcome {
  return { type: "drop", reason };
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
  if (outcome.type === "dead") return { ...outcome, detail: "" };
  return outcome;
}

/** The decision on a run that threw: again while attempts are left, unless the error says that it cannot help. */
export function decideFailure(error: unknown, attempt: Attempt): Decision {
  const failure = describeFailure(error);
  if (!failure.retryable) return { type: "dead", reason: failure.code, detail: failure.detail };
  return again(null, attempt, failure);
}

function again(
  delayMs: number | null,
  { number, policy, random }: Attempt,
  { code, detail }: { readonly code: string; readonly detail: string },
): Decision {
  if (number >= policy.attempts) {
    return { type: "dead", reason: "ATTEMPTS_SPENT", detail: detail === "" ? code : `${code}: ${detail}` };
  }
  return { type: "retry", delayMs: delayMs ?? retryDelayMs(policy, number, random), reason: code };
}

interface Failure {
  readonly code: string;
  readonly detail: string;
  readonly retryable: boolean;
}

/**
 * Reads the facts of a `JobsError` by shape, not by class: a bundled handler may carry its own copy of the class. An
 * unknown error counts as retryable; the bounded number of attempts makes that safe.
 */
function describeFailure(error: unknown): Failure {
  if (!(error instanceof Error)) return { code: "HANDLER_FAILED", detail: String(error), retryable: true };
  const known = "retryable" in error && typeof error.retryable === "boolean";
  const code = known && "code" in error && typeof error.code === "string" ? error.code : "HANDLER_FAILED";
  return { code, detail: error.message, retryable: !(known && error.retryable === false) };
}
