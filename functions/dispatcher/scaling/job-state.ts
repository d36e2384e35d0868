import type { Outcome } from "../invoking/outcome.ts";

/** What a job's dispatching is in, for metrics and the log. */
export type JobState =
  | "ok"
  /** The server delivers nothing of it. */
  | "paused"
  /** Drains moved nothing although messages wait: a paused job, for one. */
  | "cooling_down"
  /** The function fails, or answers what is no report. */
  | "failing"
  | "throttled"
  | "credentials"
  | "unknown_function"
  | "unreachable"
  /** Its queue cannot be read. */
  | "unread";

export const JOB_STATES: readonly JobState[] = [
  "ok",
  "paused",
  "cooling_down",
  "failing",
  "throttled",
  "credentials",
  "unknown_function",
  "unreachable",
  "unread",
];

/** What the outcome that began or prolonged a trouble says about the job. */
export function stateOfTrouble(outcome: Outcome): JobState {
  switch (outcome.type) {
    case "throttled":
    case "credentials":
    case "unknown_function":
    case "unreachable":
      return outcome.type;
    case "function_error":
    case "timed_out":
    case "bad_answer":
      return "failing";
    case "drained":
    case "abandoned":
      return "cooling_down";
  }
}

/** What only an operator mends: a process in such a state says that it is not ready. */
export function needsOperator(state: JobState): boolean {
  return state === "credentials" || state === "unknown_function" || state === "unread";
}

export function detailOf(outcome: Outcome): string {
  if (outcome.type === "drained") return `a drain ended (${outcome.report.reason}) without having moved anything`;
  return outcome.type === "abandoned" ? "nobody waits for it any more" : outcome.detail;
}
