import type { Outcome } from "./outcome.ts";
import { isObject, nameOf, outcomeOf } from "./read-outcome.ts";

/** What an error says about the run it ended. */
export interface Failure {
  /** Stable: one of docs/errors.md, or the handler's own. */
  readonly code: string;
  /** For people. */
  readonly detail: string;
  readonly outcome: Exclude<Outcome, { readonly type: "done" }>;
}

interface ErrorShape {
  readonly message: string;
  readonly code?: unknown;
  readonly retryable?: unknown;
  readonly outcome?: unknown;
}

const BY_POLICY = { type: "retry", delayMs: null } as const;

/**
 * Reads the facts of an error by shape, not by class: a bundled handler may carry its own copy of the class. An unknown
 * error counts as retryable; the bounded number of attempts makes that safe. Never throws, whatever was thrown.
 */
export function describeFailure(thrown: unknown): Failure {
  try {
    return isErrorShape(thrown) ? readError(thrown) : noError(`the run threw ${thrownText(thrown)}`);
  } catch {
    return noError("the run threw something that cannot be read"); // a getter of it throws
  }
}

function noError(detail: string): Failure {
  return { code: "THREW_NON_ERROR", detail, outcome: BY_POLICY };
}

function readError(error: ErrorShape): Failure {
  const detail = error.message;
  const asked = outcomeOf(error.outcome);
  // Foreign errors may have a property of that name: only a complete outcome counts, and a throw is never a success.
  if (asked !== null && asked.type !== "done") return ofOutcome(asked, error);
  if (typeof error.retryable !== "boolean") return { code: "HANDLER_FAILED", detail, outcome: BY_POLICY };
  const code = typeof error.code === "string" ? error.code : "HANDLER_FAILED";
  return { code, detail, outcome: error.retryable ? BY_POLICY : { type: "dead", reason: code, detail } };
}

function ofOutcome(outcome: Failure["outcome"], { code, message }: ErrorShape): Failure {
  if (outcome.type === "retry") {
    return { code: typeof code === "string" ? code : "RETRY_ASKED", detail: message, outcome };
  }
  return { code: "reason" in outcome ? outcome.reason : "", detail: message, outcome };
}

/** By shape too: an error of another realm is no `instanceof Error`. */
function isErrorShape(thrown: unknown): thrown is ErrorShape {
  return isObject(thrown) && typeof thrown.message === "string";
}

function thrownText(thrown: unknown): string {
  return typeof thrown === "string" ? JSON.stringify(thrown.slice(0, 200)) : nameOf(thrown);
}
