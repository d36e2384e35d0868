import type { Delivery } from "../../shared/jetstream/delivery.ts";
import { RunTimeoutError, WorkerStoppingError } from "../../shared/jobs/errors.ts";
import type { InputIssue, Prepared } from "../../shared/jobs/handler.ts";
import { type Decision, decide, decideFailure, type Outcome } from "../../shared/jobs/outcome.ts";
import { DeliveredMessage } from "./message.ts";
import { RunContext, type RunTools } from "./run-context.ts";

/** Takes a payload out of the envelope it is stored in; a body without one is returned as it is. */
export type Unwrap = (body: Uint8Array) => Uint8Array;

export interface RunSettings extends RunTools {
  readonly unwrap: Unwrap;
  /** Milliseconds since 1970. */
  readonly wallNow: () => number;
  readonly random: () => number;
}

/** A run that may be under way. `returned`: it was stopped and says nothing about its message. */
export interface Run {
  readonly decision: Promise<Decision | "returned">;
  /** Ends the run early: its message is to be given back. */
  stop(): void;
}

const MOST_ISSUES_TOLD = 10;
/** Longer timers fire at once (Node keeps them in 32 bits). */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Runs the job's handler on one delivery, for at most `budgetMs`. The decision never rejects. */
export function startRun(settings: RunSettings, delivery: Delivery, budgetMs: number): Run {
  const prepared = prepare(settings, delivery);
  if (!prepared.ok) {
    settings.onEvent({ type: "invalid_input", job: settings.job.name });
    return { decision: Promise.resolve(invalid(prepared.issues)), stop: () => {} };
  }
  const context = new RunContext(settings, delivery, settings.wallNow() + budgetMs);
  let stop = (): void => {};
  const decision = new Promise<Decision | "returned">((resolve) => {
    const attempt = () => ({ number: context.attempt, policy: settings.job.retry, random: settings.random() });
    const endEarly = (reason: Error, result: Decision | "returned"): void => {
      clearTimeout(timer);
      context.end(reason);
      resolve(result); // what the handler returns later finds the promise settled
    };
    const timer = setTimeout(
      () => {
        const error = new RunTimeoutError(budgetMs);
        endEarly(error, decideFailure(error, attempt()));
      },
      Math.min(budgetMs, LONGEST_TIMER_MS),
    );
    stop = () => endEarly(new WorkerStoppingError(), "returned");
    outcomeOf(prepared, context)
      .then(
        (outcome) => resolve(decide(outcome, attempt())),
        (error: unknown) => resolve(decideFailure(error, attempt())),
      )
      .finally(() => clearTimeout(timer));
  });
  return { decision, stop: () => stop() };
}

function prepare({ job, unwrap }: RunSettings, delivery: Delivery): Prepared {
  const body = job.handler.input === "bytes" ? delivery.data : unwrap(delivery.data);
  return job.handler.prepare(body, (data) => new DeliveredMessage(delivery, data));
}

/** Done means that everything the run published is stored, whether the handler waited for it or not. */
async function outcomeOf(prepared: Prepared & { readonly ok: true }, context: RunContext): Promise<Outcome> {
  const outcome = await prepared.run(context);
  const stored = context.stored();
  if (stored !== null) await stored;
  return outcome;
}

function invalid(issues: readonly InputIssue[]): Decision {
  const told = issues
    .slice(0, MOST_ISSUES_TOLD)
    .map(({ path, problem }) => (path === "" ? problem : `${path}: ${problem}`));
  const more = issues.length > told.length ? [`and ${issues.length - told.length} more`] : [];
  return { type: "dead", reason: "INVALID_INPUT", detail: [...told, ...more].join("; ") };
}
