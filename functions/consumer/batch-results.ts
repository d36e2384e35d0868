import { BadOutcomeError } from "../../shared/jobs/errors.ts";
import type { JobMessage } from "../../shared/jobs/message.ts";
import { isObject, nameOf } from "../../shared/jobs/read-outcome.ts";

/** What the run of a batch said, by message; and what it said that is about none of them. */
export interface BatchResults {
  /** For each message in order: what it is to be judged by; undefined when the run omitted it. */
  readonly of: readonly ({ readonly outcome: unknown } | undefined)[];
  /** Ids that are not in the batch, or more often than the message is; what has no id is told by its kind. */
  readonly strays: readonly string[];
}

/**
 * Sorts what a batch handler returned. Two messages of a batch may have one id (a message stored twice): their results are
 * taken in order. Throws `BadOutcomeError` when it is no list.
 */
export function sortResults(returned: unknown, messages: readonly JobMessage<unknown>[]): BatchResults {
  if (!Array.isArray(returned)) {
    throw new BadOutcomeError(`the run of the batch returned ${nameOf(returned)}, which is no list`);
  }
  const waiting = placesById(messages);
  const of = new Array<{ readonly outcome: unknown } | undefined>(messages.length).fill(undefined);
  const strays: string[] = [];
  for (const result of returned as readonly unknown[]) {
    const id = isObject(result) && typeof result.id === "string" ? result.id : null;
    const place = id === null ? undefined : waiting.get(id)?.shift();
    if (place !== undefined && isObject(result)) of[place] = { outcome: result.outcome };
    else strays.push(id ?? nameOf(result));
  }
  return { of, strays };
}

function placesById(messages: readonly JobMessage<unknown>[]): ReadonlyMap<string, number[]> {
  const places = new Map<string, number[]>();
  for (const [place, { id }] of messages.entries()) {
    const known = places.get(id);
    if (known === undefined) places.set(id, [place]);
    else known.push(place);
  }
  return places;
}
