import { JobsError } from "./errors.ts";
import { dead, drop, type Outcome, retry, retryAfter, snooze } from "./outcome.ts";

/** Ends a run from deep inside it as `retry()` or `retryAfter()` would. */
export class RetryError extends JobsError {
  override readonly name = "RetryError";
  readonly code = "RETRY_ASKED";
  readonly retryable = true;
  readonly outcome: Outcome;

  /** Without `delayMs` the retry policy decides. */
  constructor(message: string, { delayMs, ...options }: ErrorOptions & { readonly delayMs?: number } = {}) {
    super(message, options);
    this.outcome = delayMs === undefined ? retry() : retryAfter(delayMs);
  }
}

/** Ends a run from deep inside it as `dead()` would. */
export class DeadError extends JobsError {
  override readonly name = "DeadError";
  readonly code: string;
  readonly retryable = false;
  readonly outcome: Outcome;

  constructor(reason: string, detail = "", options?: ErrorOptions) {
    super(detail === "" ? reason : detail, options);
    this.code = reason;
    this.outcome = dead(reason, detail);
  }
}

/** Ends a run from deep inside it as `drop()` would. */
export class DropError extends JobsError {
  override readonly name = "DropError";
  readonly code: string;
  readonly retryable = false;
  readonly outcome: Outcome;

  constructor(reason: string, options?: ErrorOptions) {
    super(reason, options);
    this.code = reason;
    this.outcome = drop(reason);
  }
}

/** Ends a run from deep inside it as `snooze()` would. */
export class SnoozeError extends JobsError {
  override readonly name = "SnoozeError";
  readonly code = "SNOOZED";
  readonly retryable = true;
  readonly outcome: Outcome;

  constructor(delayMs: number, message = "not now", options?: ErrorOptions) {
    super(message, options);
    this.outcome = snooze(delayMs);
  }
}
