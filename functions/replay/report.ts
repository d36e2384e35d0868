import * as z from "zod";
import type { DeadLetter } from "../../shared/jetstream/dead-letters.ts";
import { factsOf, letterFactsSchema } from "./facts.ts";
import { selectionSchema } from "./selection.ts";
import type { End } from "./tally.ts";

const count = z.number().int().min(0);

const detailSchema = letterFactsSchema.extend({
  result: z.object({ type: z.string(), done: z.boolean(), id: z.string().exactOptional(), told: z.string() }),
});

/** One dead letter and how it fared. */
export type Detail = z.output<typeof detailSchema>;

/** What the replay function answers. */
export const replayReportSchema = z.object({
  /** The invocation, as its log names it. */
  request: z.string(),
  dryRun: z.boolean(),
  /** By how they ended. */
  totals: z.record(z.string(), count),
  /** How many of them are still among the dead letters. */
  undone: count,
  /** Who was named, and is not there. */
  missing: z.array(z.string()),
  details: z.array(detailSchema),
  /** Dead letters that should have been named and had no room. */
  detailsOmitted: count,
  /** `time` was over, or the answer was `full`, before everything was looked at. */
  ended: z.enum(["complete", "time", "full"]),
  /** Dead letters that were not looked at. */
  left: count,
  /** The selection to ask for in order to go on. */
  next: selectionSchema.nullable(),
});

export type ReplayReport = z.output<typeof replayReportSchema>;

export function detailOf(letter: DeadLetter, end: End): Detail {
  return { ...factsOf(letter), result: end };
}

/** Lambda answers with at most 6 MB. Past the first no further dead letter is begun; what was under way has the rest. */
const FULL_BYTES = 3_000_000;
const MOST_BYTES = 5_000_000;

interface DetailsWanted {
  readonly details: "undone" | "all";
  readonly mostDetails: number;
}

/** Collects what an answer names, and keeps it below what the platform carries. */
export class Details {
  readonly named: Detail[] = [];
  omitted = 0;
  readonly #wanted: DetailsWanted;
  readonly #onFull: () => void;
  #bytes = 0;

  /** `onFull` is called when there is no room for many more. */
  constructor(wanted: DetailsWanted, onFull: () => void) {
    this.#wanted = wanted;
    this.#onFull = onFull;
  }

  add(letter: DeadLetter, end: End): void {
    if (end.done && this.#wanted.details === "undone") return;
    const detail = detailOf(letter, end);
    const bytes = Buffer.byteLength(JSON.stringify(detail)) + 1;
    if (this.named.length >= this.#wanted.mostDetails || this.#bytes + bytes > MOST_BYTES) {
      this.omitted += 1;
      return;
    }
    this.named.push(detail);
    this.#bytes += bytes;
    if (this.#bytes > FULL_BYTES) this.#onFull();
  }
}
