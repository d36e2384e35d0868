import type { DrainAnswer } from "../../../shared/lambda/event.ts";
import type { DrainEnd } from "../scaling/scale.ts";

/** How an invocation ended. */
export type Outcome =
  | { readonly type: "drained"; readonly report: DrainAnswer }
  /** The function ran and failed, or Lambda could not run it as it is. */
  | { readonly type: "function_error"; readonly detail: string }
  /** Lambda runs no more of it now. `retryAfterMs`: when to come again, as Lambda says; null when it does not. */
  | { readonly type: "throttled"; readonly retryAfterMs: number | null; readonly detail: string }
  /** No answer within the budget and its margin; the drain may be running still. */
  | { readonly type: "timed_out"; readonly detail: string }
  /** There are none, they have expired, or they do not allow it. */
  | { readonly type: "credentials"; readonly detail: string }
  | { readonly type: "unreachable"; readonly detail: string }
  | { readonly type: "unknown_function"; readonly detail: string }
  /** The function answered, but not with a drain's report. */
  | { readonly type: "bad_answer"; readonly detail: string }
  /** We stopped waiting, because this process ends. */
  | { readonly type: "abandoned" };

/** What scaling makes of it. What only an operator can mend is not asked for more often than `maxCoolDown`. */
export function endOf(outcome: Outcome): DrainEnd {
  switch (outcome.type) {
    case "drained": {
      const { processed, dead, dropped, retried, left } = outcome.report;
      return { type: "drained", moved: processed + dead + dropped + retried, left };
    }
    case "throttled":
      return { type: "throttled", atLeastMs: outcome.retryAfterMs ?? 0 };
    case "credentials":
    case "unknown_function":
      return { type: "failed", atLeastMs: Number.POSITIVE_INFINITY };
    case "function_error":
    case "timed_out":
    case "unreachable":
    case "bad_answer":
    case "abandoned":
      return { type: "failed", atLeastMs: 0 };
  }
}
