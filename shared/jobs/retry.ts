/** How long a failed job waits before it runs again, and how often it may run at all. */
export interface RetryPolicy {
  readonly policy: "exponential" | "linear" | "fixed";
  /** Delay after the first failed run, milliseconds. */
  readonly delayMs: number;
  /** Longest delay, milliseconds; jitter never exceeds it. */
  readonly maxDelayMs: number;
  /** Runs in all, the first included. */
  readonly attempts: number;
  /** Share of the delay that is random, 0 to 1. */
  readonly jitter: number;
}

/** Whether a policy, from wherever it came, can be followed. */
export function isRetryPolicy({ policy, delayMs, maxDelayMs, attempts, jitter }: RetryPolicy): boolean {
  return (
    ["exponential", "linear", "fixed"].includes(policy) &&
    [delayMs, maxDelayMs].every((ms) => Number.isFinite(ms) && ms >= 0) &&
    Number.isInteger(attempts) &&
    attempts >= 1 &&
    jitter >= 0 &&
    jitter <= 1
  );
}

/** Past this the doubling only overflows: every sane cap has been reached. */
const MOST_DOUBLINGS = 40;

function plainDelayMs({ policy, delayMs }: RetryPolicy, attempt: number): number {
  switch (policy) {
    case "exponential":
      return delayMs * 2 ** Math.min(attempt - 1, MOST_DOUBLINGS);
    case "linear":
      return delayMs * attempt;
    case "fixed":
      return delayMs;
  }
}

/**
 * Milliseconds to wait after failed run number `attempt` (from 1). `random` is in [0, 1). Jitter is taken off the delay,
 * not added, so that jobs which reached the cap together do not stay together there.
 */
export function retryDelayMs(policy: RetryPolicy, attempt: number, random: number): number {
  const capped = Math.min(plainDelayMs(policy, attempt), policy.maxDelayMs);
  return Math.round(capped * (1 - policy.jitter * random));
}
