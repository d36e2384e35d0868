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

/** Mistakes and outages that an operator mends: their messages say what is wrong and where, and their stacks nothing. */
const SAID_IN_ONE_LINE: ReadonlySet<string> = new Set([
  "ConfigError",
  "ConnectError",
  "DrainCutOffError",
  "InvocationEventError",
  "NoJetStreamError",
  "ReplayEventError",
  "SecretError",
  "ServerTooOldError",
  "SweepFailedError",
  "TopologyError",
  "TopologyRefusedError",
]);

/** Calls the work; of an error that is told in one line the stack is left out, since the platform logs the stack of whatever is thrown. */
export async function toldInOneLine<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Error && SAID_IN_ONE_LINE.has(error.name)) error.stack = `${error.name}: ${error.message}`;
    throw error;
  }
}
