import type { JobContext } from "./context.ts";
import type { JobMessage } from "./message.ts";
import type { Outcome } from "./outcome.ts";
import { readOutcome } from "./read-outcome.ts";

/** A run, as a middleware sees the next one: what it returns is an outcome already. */
export type Next = (message: JobMessage<unknown>, context: JobContext) => Promise<Outcome>;

/** Something that is done around every run of a handler. */
export interface Middleware {
  readonly name: string;
  /** The smaller, the further outside; among equals the name decides. */
  readonly order: number;
  /** Called once, when the handler is made. */
  wrap(next: Next): Next;
}

/** What a handler's author wrote: it may return anything. */
type Innermost = (message: JobMessage<unknown>, context: JobContext) => Promise<unknown>;

/**
 * The run inside its middleware. The order in which they are listed does not matter, so that a list can be put together
 * from several places. Throws a RangeError when two would be interchangeable.
 */
export function compose(run: Innermost, use: readonly Middleware[]): Next {
  const innermost: Next = async (message, context) => readOutcome(await run(message, context));
  if (use.length === 0) return innermost;
  const outermost = sorted(use).reduceRight<Next>((next, middleware) => middleware.wrap(next), innermost);
  return async (message, context) => readOutcome(await outermost(message, context));
}

function sorted(use: readonly Middleware[]): readonly Middleware[] {
  const inOrder = [...use].sort((a, b) => a.order - b.order || (a.name < b.name ? -1 : 1));
  const names = new Set<string>();
  for (const { name, order } of inOrder) {
    if (!Number.isFinite(order)) throw new RangeError(`middleware "${name}": its order is no number`);
    if (names.has(name)) throw new RangeError(`middleware "${name}" is used twice`);
    names.add(name);
  }
  return inOrder;
}
