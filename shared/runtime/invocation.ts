/** What an invocation tells about its time. */
export interface InvocationContext {
  /** Milliseconds. */
  getRemainingTimeInMillis(): number;
}

/** A function of this package: whatever the event, an answer, or an error of one line. */
export type FunctionHandler<Answer> = (event: unknown, context: InvocationContext) => Promise<Answer>;

/** Kept back from the invocation's time for flushing and answering: a function that is cut off leaves its messages to their leases. */
const ANSWER_MS = 1_000;

/** Milliseconds that the work may take. */
export function timeToWork(context: InvocationContext): number {
  return Math.max(0, context.getRemainingTimeInMillis() - ANSWER_MS);
}

/** An event whose documented fields are not what they should be. */
export class InvocationEventError extends Error {
  override readonly name = "InvocationEventError";
  readonly code = "EVENT_INVALID";
}

/**
 * Calls the work, and leaves of an error's stack what people can use: an operator's mistake (configuration, secret, connection)
 * is told in one line that names it, since the platform writes the stack of whatever is thrown into the log.
 */
export async function toldInOneLine<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Error && "code" in error) error.stack = `${error.name}: ${error.message}`;
    throw error;
  }
}
