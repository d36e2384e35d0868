import { browse, readMessage } from "../../shared/jetstream/browse.ts";
import { type DeadLetter, fits, readDeadLetter } from "../../shared/jetstream/dead-letters.ts";
import { filterOf, type Selection } from "./selection.ts";
import type { DeadLetterStore } from "./store.ts";

/** Who walks through dead letters. */
export interface Walker {
  /** Once it is aborted no further dead letter is handed out. */
  readonly stop: AbortSignal;
  /** Whoever was named, by sequence or by id, and is not there. */
  missing(what: string): void;
  /** It was stopped: what to choose in order to go on. */
  stopped(rest: Selection): void;
}

/** The chosen dead letters, oldest first or in the order in which they were named, read as they are asked for. */
export function walk(store: DeadLetterStore, selection: Selection, walker: Walker): AsyncIterable<DeadLetter> {
  return selection.sequences.length > 0 ? named(store, selection, walker) : fitting(store, selection, walker);
}

async function* fitting(
  { connection, stream }: DeadLetterStore,
  selection: Selection,
  { stop, missing, stopped }: Walker,
): AsyncIterable<DeadLetter> {
  const filter = filterOf(selection);
  const { fromSequence, limit = Number.POSITIVE_INFINITY } = selection;
  let found = 0;
  for await (const message of browse(connection, { stream, fromSequence: fromSequence ?? 1 })) {
    if (stop.aborted) {
      stopped({ ...lessLimit(selection, found), fromSequence: message.sequence });
      return;
    }
    const letter = readDeadLetter(message);
    if (!fits(letter, filter)) continue;
    found += 1;
    yield letter;
    if (found === limit) return;
  }
  // A walk that was gone on with may have found it before.
  if (found === 0 && filter.id !== null && fromSequence === undefined) missing(noneHasId(filter.id));
}

async function* named(
  { connection, stream }: DeadLetterStore,
  selection: Selection,
  { stop, missing, stopped }: Walker,
): AsyncIterable<DeadLetter> {
  const sequences = [...new Set(selection.sequences)];
  const { limit = Number.POSITIVE_INFINITY } = selection;
  let found = 0;
  for (const [at, sequence] of sequences.entries()) {
    if (stop.aborted) {
      stopped({ ...lessLimit(selection, found), sequences: sequences.slice(at) });
      return;
    }
    const message = await readMessage(connection, stream, sequence);
    if (message === null) {
      missing(`there is no dead letter ${sequence}`);
      continue;
    }
    found += 1;
    yield readDeadLetter(message);
    if (found === limit) return;
  }
}

function lessLimit(selection: Selection, found: number): Selection {
  return selection.limit === undefined ? selection : { ...selection, limit: selection.limit - found };
}

export function noneHasId(id: string): string {
  return `no dead letter has the id "${id}"`;
}
