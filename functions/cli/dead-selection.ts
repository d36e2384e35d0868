import { browse, readMessage } from "../../shared/jetstream/browse.ts";
import { type DeadLetter, type DeadLetterFilter, fits, readDeadLetter } from "../../shared/jetstream/dead-letters.ts";
import type { DeadLetterStore } from "./dead-store.ts";
import { UsageError } from "./exit.ts";

/** The options that choose dead letters. */
export interface Selection {
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

/** With the sequences that were named. */
export interface Chosen extends Selection {
  readonly sequences: readonly number[];
}

export function sequenceOf(text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new UsageError(`"${text}" is no sequence number; see "dead ls"`);
  return Number(text);
}

function filterOf(given: Selection, now: Date): DeadLetterFilter {
  const ago = (ms: number | undefined): Date | null => (ms === undefined ? null : new Date(now.getTime() - ms));
  return {
    job: given.job ?? null,
    reason: given.reason ?? null,
    sender: given.sender ?? null,
    id: given.id ?? null,
    diedBefore: ago(given.olderThan),
    diedAfter: ago(given.newerThan),
  };
}

/** What acts on dead letters must have been told on which: nothing given is not everything. */
export function checkChosen(chosen: Chosen & { readonly all: boolean }): void {
  const isFiltered = Object.values(filterOf(chosen, new Date(0))).some((value) => value !== null);
  if (chosen.sequences.length > 0 && (isFiltered || chosen.all)) {
    throw new UsageError("name sequences, or say --all or filters, but not both");
  }
  if (chosen.sequences.length === 0 && !isFiltered && !chosen.all) {
    throw new UsageError("name sequences, give filters such as --job, or say --all");
  }
}

/**
 * The chosen dead letters, oldest first, read as they are asked for. Whoever is named and not there, by sequence or by
 * id, is told to `onMissing`.
 */
export async function* select(
  store: DeadLetterStore,
  chosen: Chosen,
  onMissing: (what: string) => void,
): AsyncIterable<DeadLetter> {
  const filter = filterOf(chosen, new Date());
  let left = chosen.limit ?? Number.POSITIVE_INFINITY;
  let found = 0;
  const letters = chosen.sequences.length > 0 ? named(store, chosen.sequences, onMissing) : everything(store);
  for await (const letter of letters) {
    if (!fits(letter, filter)) continue;
    found += 1;
    yield letter;
    left -= 1;
    if (left === 0) return;
  }
  if (found === 0 && filter.id !== null) onMissing(`no dead letter has the id "${filter.id}"`);
}

async function* everything({ connection, stream }: DeadLetterStore): AsyncIterable<DeadLetter> {
  for await (const message of browse(connection, { stream, fromSequence: 1 })) yield readDeadLetter(message);
}

async function* named(
  { connection, stream }: DeadLetterStore,
  sequences: readonly number[],
  onMissing: (what: string) => void,
): AsyncIterable<DeadLetter> {
  for (const sequence of new Set(sequences)) {
    const message = await readMessage(connection, stream, sequence);
    if (message !== null) yield readDeadLetter(message);
    else onMissing(`there is no dead letter ${sequence}`);
  }
}
