import { problemOf, type Selection } from "../replay/selection.ts";
import { UsageError } from "./exit.ts";

/** The options that choose dead letters, as the parser hands them over. */
export interface SelectionOptions {
  readonly all?: boolean;
  readonly job?: string;
  readonly reason?: string;
  readonly sender?: string;
  readonly id?: string;
  /** Milliseconds. */
  readonly olderThan?: number;
  /** Milliseconds. */
  readonly newerThan?: number;
  readonly limit?: number;
}

const UNCLEAR = {
  nothing: "name sequences, give filters such as --job, or say --all",
  both: "name sequences, or say --all or filters, but not both",
};

export function sequenceOf(text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new UsageError(`"${text}" is no sequence number; see "dead ls"`);
  return Number(text);
}

/** Ages count from `now`. */
export function selectionOf(options: SelectionOptions, sequences: readonly string[], now: Date): Selection {
  const { all = false, job, reason, sender, id, olderThan, newerThan, limit } = options;
  const ago = (ms: number | undefined) => (ms === undefined ? undefined : new Date(now.getTime() - ms));
  return {
    all,
    sequences: sequences.map(sequenceOf),
    job,
    reason,
    sender,
    id,
    diedBefore: ago(olderThan),
    diedAfter: ago(newerThan),
    limit,
  };
}

/** As `selectionOf`, for what acts on dead letters: it must have been told on which. */
export function actingSelectionOf(options: SelectionOptions, sequences: readonly string[], now: Date): Selection {
  const selection = selectionOf(options, sequences, now);
  const problem = problemOf(selection);
  if (problem !== null) throw new UsageError(UNCLEAR[problem]);
  return selection;
}
