import type { Delivery } from "../../shared/jetstream/delivery.ts";
import { RunTimeoutError, WorkerStoppingError } from "../../shared/jobs/errors.ts";
import type { InputIssue, Prepared } from "../../shared/jobs/handler.ts";
import { type Attempt, type Decision, decide, decideFailure, type Outcome } from "../../shared/jobs/outcome.ts";
import { DeliveredMessage } from "./message.ts";
import type { RunAttempt } from "./run-attempt.ts";
import { RunContext, type RunTools } from "./run-context.ts";

/** Takes a payload out of the envelope it is stored in; a body without one is returned as it is. */
export type Unwrap = (body: Uint8Array) => Uint8Array;

export interface RunSettings extends RunTools {
  readonly unwrap: Unwrap;
  /** Milliseconds since 1970. */
  readonly wallNow: () => number;
  readonly random: () => number;
}

/** `returned`: the run was stopped and says nothing about its message. `lost`: its message may be in other hands. */
export type RunEnd = Decision | "returned" | "lost";

const MOST_ISSUES_TOLD = 10;

/** One run of the job's handler on a delivery. */
export class Run {
  /** Kept by `RunningSet`. */
  slot = -1;
  readonly delivery: Delivery;
  readonly #settings: RunSettings;
  readonly #attempt: RunAttempt;
  #context: RunContext | null = null;
  #budgetMs = 0;
  #dueAt = Number.POSITIVE_INFINITY;
  #end: ((end: RunEnd) => void) | null = null;

  constructor(settings: RunSettings, delivery: Delivery, attempt: RunAttempt) {
    this.#settings = settings;
    this.delivery = delivery;
    this.#attempt = attempt;
  }

  /** Runs the handler; call it once. `expire` ends it when `budgetMs` have passed since `startedAt`. Never rejects. */
  start(startedAt: number, budgetMs: number): Promise<RunEnd> {
    const { job, onEvent, wallNow } = this.#settings;
    const prepared = this.#prepare();
    if (!prepared.ok) {
      onEvent({ type: "invalid_input", job: job.name });
      return Promise.resolve(invalid(prepared.issues));
    }
    const context = new RunContext(this.#settings, {
      delivery: this.delivery,
      attempt: this.#attempt,
      deadlineMs: wallNow() + budgetMs,
    });
    this.#context = context;
    this.#budgetMs = budgetMs;
    this.#dueAt = startedAt + budgetMs;
    return new Promise((resolve) => {
      this.#end = resolve; // only the first end counts: what comes later finds the promise settled
      void this.#execute(prepared, context);
    });
  }

  /** Ends the run early: its message is to be given back. */
  stop(): void {
    this.#context?.end(new WorkerStoppingError());
    this.#end?.("returned");
  }

  /** Ends the run because the lease of its message is lost: the handler is told, and whatever it says is ignored. */
  lose(error: Error): void {
    this.#context?.end(error);
    this.#end?.("lost");
  }

  /** Ends the run if its time is over. */
  expire(now: number): void {
    if (now < this.#dueAt) return;
    const error = new RunTimeoutError(this.#budgetMs);
    this.#context?.end(error);
    this.#end?.(decideFailure(error, this.#standing()));
  }

  #prepare(): Prepared {
    const { job, unwrap } = this.#settings;
    const body = job.handler.input === "bytes" ? this.delivery.data : unwrap(this.delivery.data);
    return job.handler.prepare(body, (data) => new DeliveredMessage(this.delivery, data));
  }

  /** Done means that everything the run published is stored, whether the handler waited for it or not. */
  async #execute(prepared: Prepared & { readonly ok: true }, context: RunContext): Promise<void> {
    try {
      const outcome: Outcome = await prepared.run(context);
      const stored = context.stored();
      if (stored !== null) await stored;
      this.#end?.(outcome.type === "done" ? outcome : decide(outcome, this.#standing()));
    } catch (error) {
      this.#settings.traced.failed(error);
      this.#end?.(decideFailure(error, this.#standing()));
    }
  }

  #standing(): Attempt {
    const { job, random } = this.#settings;
    return { number: this.#attempt.number, policy: job.retry, random: random() };
  }
}

function invalid(issues: readonly InputIssue[]): Decision {
  const told = issues
    .slice(0, MOST_ISSUES_TOLD)
    .map(({ path, problem }) => (path === "" ? problem : `${path}: ${problem}`));
  const more = issues.length > told.length ? [`and ${issues.length - told.length} more`] : [];
  return { type: "dead", reason: "INVALID_INPUT", detail: [...told, ...more].join("; ") };
}
