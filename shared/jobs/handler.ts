import { isUtf8 } from "node:buffer";
import type * as z from "zod";
import type { Receipt } from "../sinks/sink.ts";
import type { Logger } from "../telemetry/log.ts";
import type { JobMessage } from "./message.ts";
import type { Outcome } from "./outcome.ts";
import { readOutcome } from "./read-outcome.ts";
import type { RetryPolicy } from "./retry.ts";

// This file is the package's public entry point ("choria-bridge/handler"): what a handler needs comes from one import.
export type { JobMessage, MessageHeaders } from "./message.ts";
export { dead, done, drop, type Outcome, retry, retryAfter, snooze } from "./outcome.ts";
export { DeadError, DropError, RetryError, SnoozeError } from "./outcome-errors.ts";
export type { RetryPolicy } from "./retry.ts";

/** Something a handler publishes. */
export interface Output {
  readonly body: Uint8Array | string;
  /** Added to the `Choria-*` headers of the input; a name given here replaces the input's. Names in `Nats-` are ignored. */
  readonly headers?: Readonly<Record<string, string>>;
  /** What must stay in order at the target. Default: the input's sender. */
  readonly key?: string;
}

/** What a run may use besides its message. */
export interface JobContext {
  /** Aborted at the deadline, and when the worker has to stop before the run ended. */
  readonly signal: AbortSignal;
  /** From 1. For now the server's delivery count, which also grows by deliveries whose run never started. */
  readonly attempt: number;
  /** When the run is given up: its timeout, or the end of the message's lease if that comes first. */
  readonly deadline: Date;
  readonly log: Logger;
  /**
   * Resolves once the sink has stored the output. Its message id is made from the input's id, the handler's name and the
   * number of the output, so a repeated run that publishes in the same order stores nothing twice. A run is done only
   * when everything it published is stored, awaited or not.
   */
  publish(sink: string, output: Output): Promise<Receipt>;
}

/** What is wrong with an input, and where. */
export interface InputIssue {
  /** Such as `facts.os.name`; empty for the whole document. */
  readonly path: string;
  readonly problem: string;
}

/** A message that fits the handler, ready to run; or why it does not fit. */
export type Prepared =
  | { readonly ok: true; run(context: JobContext): Promise<Outcome> }
  | { readonly ok: false; readonly issues: readonly InputIssue[] };

/** A handler as workers see it: its input type is checked inside `prepare`. */
export interface JobHandler {
  /** Part of the ids of its outputs: renaming a handler makes repeated outputs new ones. */
  readonly name: string;
  /** `bytes`: the stored body as it is. `json`: the payload, out of go-choria's adapter envelope when it is in one. */
  readonly input: "bytes" | "json";
  /** null: the job's policy. */
  readonly retry: RetryPolicy | null;
  /** null: the job's timeout. */
  readonly timeoutMs: number | null;
  /** Never throws: a body that does not fit is reported in `issues`. */
  prepare(body: Uint8Array, message: <T>(data: T) => JobMessage<T>): Prepared;
}

/** A handler with its input type, so that a test can call `run` directly. */
export interface Handler<T> extends JobHandler {
  run(message: JobMessage<T>, context: JobContext): Promise<Outcome>;
}

interface Definition<Input, T> {
  readonly name: string;
  readonly input: Input;
  /** Wins over the job's `retry` in the configuration. */
  readonly retry?: RetryPolicy;
  /** Milliseconds; wins over the job's `timeout` in the configuration. Must be shorter than its `ackWait`. */
  readonly timeoutMs?: number;
  /** Returning nothing means done. A throw means retry, unless the error is a `JobsError` that is not retryable. */
  run(message: JobMessage<T>, context: JobContext): Promise<Outcome | undefined> | Promise<void>;
}

const NAME = /^[A-Za-z0-9_.:-]{1,128}$/;

/** Makes a handler; throws a RangeError when its name or timeout makes no sense. */
export function defineHandler(definition: Definition<"bytes", Uint8Array>): Handler<Uint8Array>;
export function defineHandler<S extends z.ZodType>(definition: Definition<S, z.output<S>>): Handler<z.output<S>>;
export function defineHandler(definition: Definition<"bytes" | z.ZodType, unknown>): Handler<unknown> {
  const { name, input, timeoutMs = null } = definition;
  if (!NAME.test(name)) throw new RangeError(`handler "${name}": a name is 1 to 128 letters, digits or "_.:-"`);
  if (timeoutMs !== null && !(timeoutMs > 0)) throw new RangeError(`handler "${name}": timeoutMs must be positive`);
  const run = async (message: JobMessage<unknown>, context: JobContext): Promise<Outcome> =>
    readOutcome(await definition.run(message, context));
  return {
    name,
    input: input === "bytes" ? "bytes" : "json",
    retry: definition.retry ?? null,
    timeoutMs,
    run,
    prepare(body, message) {
      const read = input === "bytes" ? ({ ok: true, data: body } as const) : readJson(body, input);
      if (!read.ok) return read;
      return { ok: true, run: (context) => run(message(read.data), context) };
    },
  };
}

type Read = { readonly ok: true; readonly data: unknown } | { readonly ok: false; readonly issues: InputIssue[] };

function readJson(body: Uint8Array, schema: z.ZodType): Read {
  const parsed = parseJson(body);
  if (!parsed.ok) return parsed;
  try {
    const result = schema.safeParse(parsed.data);
    if (result.success) return { ok: true, data: result.data };
    return { ok: false, issues: result.error.issues.map(describeIssue) };
  } catch (error) {
    // A refinement of the schema that throws, or an asynchronous one: wrong for every message, so say it once per message.
    return notReadable(`the schema failed: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function parseJson(body: Uint8Array): Read {
  if (!isUtf8(body)) return notReadable("not UTF-8");
  try {
    return { ok: true, data: JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("utf8")) };
  } catch {
    return notReadable("not JSON"); // the parser's own words quote the payload
  }
}

function notReadable(problem: string): Read {
  return { ok: false, issues: [{ path: "", problem }] };
}

function describeIssue(issue: z.core.$ZodIssue): InputIssue {
  return { path: issue.path.map(String).join("."), problem: issue.message };
}
