import type * as z from "zod";
import type { JobContext } from "./context.ts";
import { type CommonDefinition, factsOf, type HandlerFacts } from "./definition.ts";
import type { JobMessage } from "./message.ts";
import { compose, type Middleware } from "./middleware.ts";
import type { Outcome } from "./outcome.ts";

// This file is the package's public entry point ("choria-bridge/handler"): what a handler needs comes from one import.
export { type BatchHandler, type BatchResult, defineBatchHandler } from "./batch.ts";
export type { BatchContext, JobContext, MessageContext, Output, OutputSink } from "./context.ts";
export { JobsError } from "./errors.ts";
export type { JobMessage, MessageHeaders } from "./message.ts";
export type { Middleware, Next } from "./middleware.ts";
export { dead, done, drop, type Outcome, retry, retryAfter, snooze } from "./outcome.ts";
export { DeadError, DropError, RetryError, SnoozeError } from "./outcome-errors.ts";
export type { RetryPolicy } from "./retry.ts";

/** A handler of single messages as workers see it. */
export interface JobHandler extends HandlerFacts {
  readonly kind: "single";
  /** The definition's run inside its middleware. */
  run(message: JobMessage<unknown>, context: JobContext): Promise<Outcome>;
}

/** A handler with its types: of the input, of the data of outputs, and of the payload that a producer gives. */
export interface Handler<T, O = unknown, P = unknown> extends JobHandler {
  run(message: JobMessage<T>, context: JobContext<O>): Promise<Outcome>;
  writeInput(payload: P): ReturnType<HandlerFacts["writeInput"]>;
}

interface Definition<Input, T, OutputSchema extends z.ZodType> extends CommonDefinition<Input, OutputSchema> {
  /** What is done around each run; see `Middleware`. */
  readonly use?: readonly Middleware[];
  /** Returning nothing means done. A throw means retry, unless the error says otherwise (`DeadError`, `SnoozeError`, …). */
  run(message: JobMessage<T>, context: JobContext<z.input<OutputSchema>>): Promise<Outcome | undefined> | Promise<void>;
}

/** Makes a handler; throws a RangeError when its name, a time or its middleware makes no sense. */
export function defineHandler<O extends z.ZodType = z.ZodUnknown>(
  definition: Definition<"bytes", Uint8Array, O>,
): Handler<Uint8Array, z.input<O>, Uint8Array | string>;
export function defineHandler<S extends z.ZodType, O extends z.ZodType = z.ZodUnknown>(
  definition: Definition<S, z.output<S>, O>,
): Handler<z.output<S>, z.input<O>, z.input<S>>;
export function defineHandler(definition: Definition<"bytes" | z.ZodType, unknown, z.ZodType>): Handler<unknown> {
  const run = compose((message, context) => definition.run(message, context), definition.use ?? []);
  return { ...factsOf(definition), kind: "single", run };
}
