import * as z from "zod";
import type { DeadLetter } from "../../shared/jetstream/dead-letters.ts";

const instant = z.coerce.date();

/** A dead letter without its headers and body, as JSON carries it. */
export const letterFactsSchema = z.object({
  sequence: z.number(),
  job: z.string(),
  handler: z.string(),
  reason: z.string(),
  error: z.string(),
  attempts: z.number(),
  diedAt: instant,
  firstRunAt: instant.nullable(),
  sender: z.string(),
  stream: z.string(),
  streamSequence: z.number(),
  subject: z.string(),
  storedAt: instant.nullable(),
  id: z.string(),
  replays: z.number(),
  truncatedFrom: z.number().nullable(),
  /** Length of the body. */
  bytes: z.number(),
});

export type LetterFacts = z.output<typeof letterFactsSchema>;

export function factsOf({ headers: _headers, body, ...letter }: DeadLetter): LetterFacts {
  return { ...letter, bytes: body.length };
}
