import assert from "node:assert/strict";
import { type Checked, type InputIssue, issuesText } from "../../shared/jobs/document.ts";
import { RunTimeoutError, WorkerStoppingError } from "../../shared/jobs/errors.ts";
import type { JobHandler } from "../../shared/jobs/handler.ts";
import { type Attempt, type Decision, decide, decideFailure } from "../../shared/jobs/outcome.ts";
import { DeliveredMessage, type StoredInput } from "./message.ts";
import type { RunTools } from "./message-outputs.ts";
import type { RunAttempt } from "./run-attempt.ts";
import { RunContext } from "./run-context.ts";
import { RunLife } from "./run-life.ts";
import type { Running } from "./running-set.ts";

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

/** One run of the job's handler on a delivery. */
export class Run implements Running {
  slot = -1;
  readonly #settings: RunSettings;
  readonly #delivery: StoredInput;
  readonly #attempt: RunAttempt;
  #life: RunLife | null = null;
  #end: ((end: RunEnd) => void) | null = null;

  constructor(settings: RunSettings, delivery: StoredInput, attempt: RunAttempt) {
    this.#settings = settings;
    this.#delivery = delivery;
    this.#attempt = attempt;
  }

  /** Runs the handler; call it once. `expire` ends it when `budgetMs` have passed since `startedAt`. Never rejects. */
  start(startedAt: number, budgetMs: number): Promise<RunEnd> {
    const { job, now, wallNow } = this.#settings;
    const { handler } = job;
    assert(handler.kind === "single", "a handler of batches is run by BatchRun");
    const life = new RunLife({ startedAt, budgetMs, maxRunMs: handler.maxRunMs, now, wallNow });
    this.#life = life;
    return new Promise((resolve) => {
      this.#end = resolve; // only the first end counts: what comes later finds the promise settled
      void this.#execute(handler, life);
    });
  }

  stop(): void {
    this.#finish(new WorkerStoppingError(), "returned");
  }

  lose(error: Error, delivery: StoredInput): void {
    if (delivery === this.#delivery) this.#finish(error, "lost");
  }

  expire(now: number): void {
    if (this.#life?.isOver(now) !== true) return;
    const error = new RunTimeoutError(this.#life.allowedMs);
    this.#finish(error, decideFailure(error, this.#standing()));
  }

  #finish(reason: Error, end: RunEnd): void {
    this.#life?.ending.end(reason);
    this.#end?.(end);
  }

  /** Done means that everything the run published is stored, whether the handler waited for it or not. */
  async #execute(handler: JobHandler, life: RunLife): Promise<void> {
    try {
      const reading = readInput(this.#settings, this.#delivery);
      const read = reading instanceof Promise ? await reading : reading;
      if (life.ending.reason !== null) return; // over before it began: its end has been told
      if (!read.ok) {
        this.#invalid(read.issues);
        return;
      }
      const context = new RunContext(this.#settings, { input: this.#delivery, attempt: this.#attempt }, life);
      const outcome = await handler.run(new DeliveredMessage(this.#delivery, read.data), context);
      const stored = context.stored();
      if (stored !== null) await stored;
      this.#end?.(outcome.type === "done" ? outcome : decide(outcome, this.#standing()));
    } catch (error) {
      this.#settings.traced.failed(error);
      this.#end?.(decideFailure(error, this.#standing()));
    }
  }

  #invalid(issues: readonly InputIssue[]): void {
    const { job, onEvent } = this.#settings;
    onEvent({ type: "invalid_input", job: job.name });
    this.#end?.(invalidInput(issues));
  }

  #standing(): Attempt {
    return standing(this.#settings, this.#attempt);
  }
}

/** What the handler is to be given of a message. */
export function readInput({ job, unwrap }: RunSettings, { data }: StoredInput): Checked | Promise<Checked> {
  return job.handler.read(job.handler.input === "bytes" ? data : unwrap(data));
}

export function invalidInput(issues: readonly InputIssue[]): Decision {
  return { type: "dead", reason: "INVALID_INPUT", detail: issuesText(issues) };
}

export function standing({ job, random }: RunSettings, { number }: RunAttempt): Attempt {
  return { number, policy: job.retry, random: random() };
}
