import type * as z from "zod";
import type { BatchContext } from "./context.ts";
import { type CommonDefinition, factsOf, type HandlerFacts } from "./definition.ts";
import type { JobMessage } from "./message.ts";
import type { Outcome } from "./outcome.ts";

/** What became of one message of a batch. */
export interface BatchResult {
  /** The message's `id`. */
  readonly id: string;
  readonly outcome: Outcome;
}

/** When a batch is complete. */
export interface BatchRules {
  readonly maxMessages: number;
  /** How long the first message of a batch waits for more. */
  readonly maxWaitMs: number;
}

/** A handler of batches as workers see it. */
export interface BatchJobHandler extends HandlerFacts, BatchRules {
  readonly kind: "batch";
  /** Resolves with whatever the definition's `run` returned: the worker reads it. */
  run(messages: readonly JobMessage<unknown>[], context: BatchContext): Promise<unknown>;
}

/** A batch handler with its types, so that a test can call `run` directly. */
export interface BatchHandler<T, O = unknown, P = unknown> extends BatchJobHandler {
  run(messages: readonly JobMessage<T>[], context: BatchContext<O>): Promise<readonly BatchResult[]>;
  writeInput(payload: P): ReturnType<HandlerFacts["writeInput"]>;
}

interface Definition<Input, T, OutputSchema extends z.ZodType>
  extends CommonDefinition<Input, OutputSchema>,
    BatchRules {
  /**
   * Returns a result for each message: one that is missing counts as failed (`OMITTED`). A throw fails all of them, as the
   * error says. Messages whose body does not fit are dead-lettered before, and are not among them.
   */
  run(
    messages: readonly JobMessage<T>[],
    context: BatchContext<z.input<OutputSchema>>,
  ): Promise<readonly BatchResult[]> | readonly BatchResult[];
}

/** Makes a handler of batches; throws a RangeError when its name, size or times make no sense. */
export function defineBatchHandler<O extends z.ZodType = z.ZodUnknown>(
  definition: Definition<"bytes", Uint8Array, O>,
): BatchHandler<Uint8Array, z.input<O>, Uint8Array | string>;
export function defineBatchHandler<S extends z.ZodType, O extends z.ZodType = z.ZodUnknown>(
  definition: Definition<S, z.output<S>, O>,
): BatchHandler<z.output<S>, z.input<O>, z.input<S>>;
export function defineBatchHandler(
  definition: Definition<"bytes" | z.ZodType, unknown, z.ZodType>,
): BatchHandler<unknown> {
  const { name, maxMessages, maxWaitMs } = definition;
  if (!Number.isInteger(maxMessages) || maxMessages < 1) {
    throw new RangeError(`handler "${name}": maxMessages must be a whole number, at least 1`);
  }
  if (!(maxWaitMs >= 0)) throw new RangeError(`handler "${name}": maxWaitMs must not be negative`);
  return {
    ...factsOf(definition),
    kind: "batch",
    maxMessages,
    maxWaitMs,
    run: async (messages, context) => definition.run(messages, context),
  };
}
