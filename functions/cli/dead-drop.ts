import { type Removal, removeStored } from "../../shared/jetstream/remove.ts";
import type { DeadLetterStore } from "../replay/store.ts";
import type { End } from "../replay/tally.ts";
import type { Action } from "../replay/work.ts";

export const DROP_ENDS: readonly string[] = ["dropped", "failed"];

/** Removes dead letters for good. */
export function dropAction(store: DeadLetterStore, dryRun: boolean): Action {
  return {
    name: "dead.drop",
    settings: {},
    act: async ({ sequence }) => {
      if (dryRun) return { type: "dropped", done: true, told: "would be dropped" };
      return endOf(await removeStored(store.channel, store.stream, sequence));
    },
  };
}

function endOf(removal: Removal): End {
  if (removal.type === "failed") return { type: "failed", done: false, told: `not dropped: ${removal.detail}` };
  return { type: "dropped", done: true, told: "dropped" };
}
