import * as z from "zod";
import type { DeadLetterFilter } from "../../shared/jetstream/dead-letters.ts";

const text = z.string().min(1).optional();
const instant = z.iso
  .datetime({ offset: true })
  .transform((written) => new Date(written))
  .optional();
const sequence = z.number().int().min(1);
const MOST_SEQUENCES = 10_000;

/** Which dead letters are meant, as a request writes it; an unknown key is a mistyped filter, which would choose too many. */
export const selectionSchema = z.strictObject({
  /** Every dead letter. It has to be said: nothing given is not everything. */
  all: z.boolean().default(false),
  sequences: z.array(sequence).max(MOST_SEQUENCES).default([]),
  job: text,
  reason: text,
  sender: text,
  /** The id it had, in all its lives. */
  id: text,
  diedBefore: instant,
  diedAfter: instant,
  /** What lies before it is not looked at: where an earlier run was stopped. */
  fromSequence: sequence.optional(),
  /** At most this many. */
  limit: z.number().int().min(1).optional(),
});

export type Selection = z.output<typeof selectionSchema>;

export function filterOf(selection: Selection): DeadLetterFilter {
  const { job = null, reason = null, sender = null, id = null, diedBefore = null, diedAfter = null } = selection;
  return { job, reason, sender, id, diedBefore, diedAfter };
}

/** What acts on dead letters must have been told on which, in one way. Null when it was. */
export function problemOf(selection: Selection): "nothing" | "both" | null {
  const { all, sequences, fromSequence } = selection;
  const isFiltered = all || Object.values(filterOf(selection)).some((value) => value !== null);
  if (sequences.length === 0) return isFiltered ? null : "nothing";
  return isFiltered || fromSequence !== undefined ? "both" : null;
}
