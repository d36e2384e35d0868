import { detailOf } from "../replay/report.ts";
import type { DeadLetterStore } from "../replay/store.ts";
import { Tally } from "../replay/tally.ts";
import { type Action, type Order, type Witness, workThrough } from "../replay/work.ts";
import type { OpenConfig } from "./config-file.ts";
import { reportMissing } from "./dead-list.ts";
import { DeadReport } from "./dead-report.ts";
import { withStore } from "./dead-store.ts";
import { firstSignal } from "./signals.ts";

/** What is asked of a command that acts on dead letters. */
export interface Acting extends Order {
  readonly json: boolean;
}

/** What is done to dead letters, and how one may end, in the order in which that is counted. */
interface Doing {
  readonly ends: readonly string[];
  readonly actionOn: (store: DeadLetterStore) => Action;
}

/** Acts on dead letters from here. The first signal lets what is under way end. */
export function actOn(opened: OpenConfig, order: Acting, { ends, actionOn }: Doing): Promise<void> {
  return withStore(opened, async (store) => {
    const tally = new Tally(ends);
    const report = reportOf(order, tally);
    const stop = new AbortController();
    void firstSignal().then(() => stop.abort());
    const witness: Witness = {
      ended: (letter, end) => report.add(detailOf(letter, end)),
      missing: reportMissing,
    };
    try {
      const work = { order, action: actionOn(store), tally, witness, stop: stop.signal };
      report.end((await workThrough(store, work)) !== null);
    } finally {
      report.close();
    }
  });
}

/** The report of a command. */
export function reportOf(order: Acting, tally: Tally): DeadReport {
  const { json, dryRun } = order;
  return new DeadReport({ json, dryRun, naming: namesDone(order) }, tally);
}

/** Those that are done are named one by one where somebody looks at each; otherwise they are counted. */
export function namesDone({ json, dryRun, selection }: Acting): boolean {
  return json || dryRun || selection.sequences.length > 0;
}
