import type { LambdaFunction } from "../function.ts";
import type { Outcome } from "../invocation.ts";

/** Why an event was given up on; the words of Lambda's own invocation records. */
export type DiscardReason = "RetriesExhausted" | "EventAgeExceeded";

/** What has happened to an event so far. */
export interface Tries {
  readonly errors: number;
  readonly throttles: number;
}

export type Verdict =
  | { readonly type: "done" }
  | { readonly type: "retry"; readonly delayMs: number }
  | { readonly type: "discard"; readonly reason: DiscardReason };

/**
 * What follows an attempt (Lambda guide, "How Lambda handles errors and retries with asynchronous invocation"): errors
 * are retried after one minute, then two; throttling from one second on, doubling, to five minutes, for as long as the
 * event is young enough. `tries` counts this attempt too.
 */
export function afterAttempt(
  outcome: Outcome,
  tries: Tries,
  fn: Pick<LambdaFunction, "maximumRetryAttempts">,
): Verdict {
  if (outcome === "ok") return { type: "done" };
  if (outcome === "throttled") return { type: "retry", delayMs: Math.min(1_000 * 2 ** (tries.throttles - 1), 300_000) };
  if (tries.errors > fn.maximumRetryAttempts) return { type: "discard", reason: "RetriesExhausted" };
  return { type: "retry", delayMs: tries.errors * 60_000 };
}
