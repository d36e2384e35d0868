import type { DeadLetter } from "../../shared/jetstream/dead-letters.ts";
import { Window } from "../../shared/jetstream/window.ts";
import { AuditTrail, openAudit } from "./audit-trail.ts";
import type { Selection } from "./selection.ts";
import type { DeadLetterStore } from "./store.ts";
import type { End, Tally } from "./tally.ts";
import { walk } from "./walk.ts";

/** What is done to dead letters. */
export interface Action {
  /** As the audit names it. */
  readonly name: string;
  /** What else the audit says was asked for. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Must not reject. */
  readonly act: (letter: DeadLetter) => Promise<End>;
}

/** Who asks for something to be done to which dead letters. */
export interface Order {
  readonly selection: Selection;
  readonly dryRun: boolean;
  readonly by: string;
  readonly why?: string | undefined;
}

/** Who is told how it goes. */
export interface Witness {
  /** Of each dead letter, once it is known how it fared. */
  ended(letter: DeadLetter, end: End): Promise<void>;
  missing(what: string): void;
}

export interface Work {
  readonly order: Order;
  readonly action: Action;
  readonly tally: Tally;
  readonly witness: Witness;
  /** What is under way ends, and nothing else is begun. */
  readonly stop: AbortSignal;
}

/** Requests under way: beyond it a server answers later, not faster. */
const WINDOW = 256;
const WINDOW_BYTES = 32 * 1_024 * 1_024;

/**
 * Acts on the chosen dead letters as they are read, many at a time and each for itself. Resolves with what to choose in
 * order to go on when it was stopped, else with null. Unless it is a dry run, everything done is in the audit then.
 */
export async function workThrough(store: DeadLetterStore, work: Work): Promise<Selection | null> {
  const { order, action, tally } = work;
  const trail = order.dryRun ? null : new AuditTrail(await openAudit(store), commandOf(order, action));
  try {
    await trail?.begin();
    const rest = await actOnEach(store, work, trail);
    await trail?.end({ ...tally.totals, stopped: rest !== null });
    return rest;
  } catch (error) {
    await trail?.end({ ...tally.totals, stopped: true }).catch(() => {}); // the error says more
    throw error;
  }
}

async function actOnEach(store: DeadLetterStore, work: Work, trail: AuditTrail | null): Promise<Selection | null> {
  const { order, action, tally, witness, stop } = work;
  let rest: Selection | null = null;
  const stopped = (left: Selection): void => {
    rest = left;
  };
  const actOn = async (letter: DeadLetter): Promise<void> => {
    const end = await action.act(letter);
    if (end.done) trail?.add(entryOf(letter, end));
    tally.count(end);
    await witness.ended(letter, end);
  };
  const window = new Window(WINDOW, WINDOW_BYTES);
  try {
    const missing = (what: string): void => witness.missing(what);
    for await (const letter of walk(store, order.selection, { stop, missing, stopped })) {
      await trail?.written();
      await window.run(letter.body.length, () => actOn(letter));
    }
  } finally {
    await window.idle();
  }
  return rest;
}

function commandOf({ by, why, selection }: Order, { name, settings }: Action) {
  return { action: name, by, ...(why === undefined ? {} : { why }), selection: { ...selection, ...settings } };
}

function entryOf({ sequence, job }: DeadLetter, { id }: End) {
  return id === undefined ? { sequence, job } : { sequence, job, id };
}
