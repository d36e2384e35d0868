import type { DeadLetter } from "../../shared/jetstream/dead-letters.ts";
import { Window } from "../../shared/jetstream/window.ts";
import { AuditTrail, openAudit } from "./audit-trail.ts";
import { reportMissing } from "./dead-list.ts";
import { DeadReport } from "./dead-report.ts";
import { type Chosen, checkChosen, select } from "./dead-selection.ts";
import type { DeadLetterStore } from "./dead-store.ts";
import { firstSignal } from "./signals.ts";

/** What is done to dead letters. */
export interface Action {
  /** As the audit names it. */
  readonly name: string;
  /** How one may end, in the order in which they are counted. */
  readonly ends: readonly string[];
  /** Must not reject. */
  readonly act: (letter: DeadLetter) => Promise<End>;
}

/** How one dead letter fared. */
export interface End {
  readonly type: string;
  /** It is gone from the dead letters, or would be. */
  readonly done: boolean;
  /** The id it goes on under. */
  readonly id?: string;
  /** For people. */
  readonly told: string;
}

/** The options of everything that acts on dead letters. */
export interface Acting extends Chosen {
  readonly all: boolean;
  readonly dryRun: boolean;
  readonly json: boolean;
  /** Who does it. */
  readonly by: string;
}

/** Requests under way: beyond it a server answers later, not faster. */
const WINDOW = 256;
const WINDOW_BYTES = 32 * 1_024 * 1_024;

/**
 * Acts on the chosen dead letters as they are read, many at a time and each for itself. The first signal lets what is
 * under way end. Unless it is a dry run, everything done is in the audit when this resolves.
 */
export async function workThrough(store: DeadLetterStore, given: Acting, action: Action): Promise<void> {
  checkChosen(given);
  const { json, dryRun, sequences } = given;
  const trail = dryRun ? null : await openTrail(store, given, action);
  const report = new DeadReport({ json, dryRun, ends: action.ends, naming: dryRun || sequences.length > 0 });
  const stop = new AbortController();
  void firstSignal().then(() => stop.abort());
  try {
    await trail?.begin();
    await actOnEach(select(store, given, reportMissing), { act: action.act, trail, report, stop: stop.signal });
    await trail?.end({ ...report.totals, stopped: stop.signal.aborted });
    report.end(stop.signal.aborted);
  } catch (error) {
    await trail?.end({ ...report.totals, stopped: true }).catch(() => {}); // the error says more
    throw error;
  } finally {
    report.close();
  }
}

interface Work {
  readonly act: Action["act"];
  readonly trail: AuditTrail | null;
  readonly report: DeadReport;
  readonly stop: AbortSignal;
}

async function actOnEach(letters: AsyncIterable<DeadLetter>, { act, trail, report, stop }: Work): Promise<void> {
  const window = new Window(WINDOW, WINDOW_BYTES);
  const actOn = async (letter: DeadLetter): Promise<void> => {
    const end = await act(letter);
    if (end.done) trail?.add(entryOf(letter, end));
    await report.add(letter, end);
  };
  try {
    for await (const letter of letters) {
      if (stop.aborted) break;
      await trail?.written();
      await window.run(letter.body.length, () => actOn(letter));
    }
  } finally {
    await window.idle();
  }
}

function entryOf({ sequence, job }: DeadLetter, { id }: End) {
  return id === undefined ? { sequence, job } : { sequence, job, id };
}

async function openTrail({ opened, channels }: DeadLetterStore, given: Acting, { name }: Action): Promise<AuditTrail> {
  const { by, json: _json, dryRun: _dryRun, ...selection } = given;
  return new AuditTrail(await openAudit(opened, channels), { action: name, by, selection });
}
