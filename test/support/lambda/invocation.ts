import type { ThrottleReason } from "./concurrency.ts";
import type { LambdaFunction } from "./function.ts";

export type InvocationType = "RequestResponse" | "Event";

/** `ok` and `error`: what the handler did. `timeout`: killed at its time limit. `exit`: the process ended by itself. */
export type Outcome = "ok" | "error" | "timeout" | "exit" | "throttled";

/** What is to be run. */
export interface Invocation {
  readonly requestId: string;
  readonly type: InvocationType;
  /** From 1; more only for an Event that is tried again, under the same request id. */
  readonly attempt: number;
  /** As invoked: with the qualifier if there was one. */
  readonly arn: string;
  /** JSON. */
  readonly payload: string;
}

/** What the function, or the platform in its place, answered. */
export interface Answer {
  readonly outcome: "ok" | "error" | "timeout" | "exit";
  /** JSON. */
  readonly payload: string;
}

/** An answer and what it took. */
export interface Run {
  readonly answer: Answer;
  readonly environment: string;
  /** From starting the process to its first request for an invocation; null: it was warm. */
  readonly initMs: number | null;
  /** From handing over the event to the runtime's request for the next one. */
  readonly durationMs: number;
}

/** One attempt, as it ended. */
export interface InvocationRecord extends Pick<Invocation, "requestId" | "type" | "attempt"> {
  readonly function: string;
  /** null: throttled before it got one. */
  readonly environment: string | null;
  readonly cold: boolean;
  readonly initMs: number | null;
  readonly startedAt: Date;
  readonly durationMs: number;
  readonly billedMs: number;
  readonly outcome: Outcome;
  /** Why it was throttled; null when it was not. */
  readonly throttled: ThrottleReason | null;
  /** The answer as JSON; null: throttled. */
  readonly payload: string | null;
}

/** Up to the next millisecond; the init phase is billed too (AWS, since August 2025). */
export function billedMs(run: Pick<Run, "initMs" | "durationMs">): number {
  return Math.ceil((run.initMs ?? 0) + run.durationMs);
}

/** The record of an attempt that ran. */
export function ran(fn: LambdaFunction, invocation: Invocation, startedAt: Date, run: Run): InvocationRecord {
  const { answer, environment, initMs, durationMs } = run;
  return {
    ...headOf(fn, invocation),
    environment,
    cold: initMs !== null,
    initMs,
    startedAt,
    durationMs,
    billedMs: billedMs(run),
    outcome: answer.outcome,
    throttled: null,
    payload: answer.payload,
  };
}

/** The record of an attempt for which there was no place. */
export function refused(
  fn: LambdaFunction,
  invocation: Invocation,
  startedAt: Date,
  reason: ThrottleReason,
): InvocationRecord {
  return {
    ...headOf(fn, invocation),
    environment: null,
    cold: false,
    initMs: null,
    startedAt,
    durationMs: 0,
    billedMs: 0,
    outcome: "throttled",
    throttled: reason,
    payload: null,
  };
}

function headOf(fn: LambdaFunction, { requestId, type, attempt }: Invocation) {
  return { function: fn.name, requestId, type, attempt };
}
