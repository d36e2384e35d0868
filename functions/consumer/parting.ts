import type { Death } from "../../shared/jetstream/dead-letter.ts";
import type { Delivery } from "../../shared/jetstream/delivery.ts";
import type { Decision } from "../../shared/jobs/outcome.ts";
import type { JobEvent, SettledOutcome } from "./events.ts";
import type { Job } from "./job.ts";
import type { RunAttempt } from "./run-attempt.ts";

/** What becomes of a message that must not run again: `hasCrashed` says that the last of its runs never told how it ended. */
export function spentDecision(hasCrashed: boolean): Extract<Decision, { readonly type: "dead" }> {
  if (!hasCrashed) return { type: "dead", reason: "ATTEMPTS_SPENT", detail: "" };
  return { type: "dead", reason: "CRASHED", detail: "the process died during its last run, or lost the message" };
}

interface LastRun {
  readonly attempt: RunAttempt;
  readonly decision: Decision;
  readonly diedAt: Date;
}

/** The story of a message that a job gives up; only that of a dead one is ever told. */
export function deathOf(job: Job, { attempt, decision, diedAt }: LastRun): Death {
  const { reason, detail } = decision.type === "dead" ? decision : { reason: "", detail: "" };
  const { number: attempts, firstRunAt } = attempt;
  const handler = job.handler.name;
  return { job: job.name, handler, reason, detail, attempts, firstRunAt: firstRunAt ?? diedAt, diedAt };
}

/** How a message left a worker's hands, told once the server has confirmed it. */
export interface Parting extends Pick<Delivery, "timestampMs" | "streamSequence"> {
  readonly outcome: SettledOutcome;
  readonly reason: string;
}

/** `wallNowMs`: milliseconds since 1970. */
export function settledEvent(job: string, parting: Parting, wallNowMs: number): JobEvent {
  const { outcome, reason, streamSequence: sequence, timestampMs } = parting;
  return { type: "settled", job, outcome, reason, sequence, latencyMs: Math.max(0, wallNowMs - timestampMs) };
}
