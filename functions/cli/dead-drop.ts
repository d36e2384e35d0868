import { type Removal, removeStored } from "../../shared/jetstream/remove.ts";
import type { DeadLetterStore } from "./dead-store.ts";
import { type Acting, type End, workThrough } from "./dead-work.ts";

/** `dead drop`. */
export async function dropAll(store: DeadLetterStore, given: Acting): Promise<void> {
  await workThrough(store, given, {
    name: "dead.drop",
    ends: ["dropped", "failed"],
    act: async ({ sequence }) => {
      if (given.dryRun) return { type: "dropped", done: true, told: "would be dropped" };
      return endOf(await removeStored(store.channel, store.stream, sequence));
    },
  });
}

function endOf(removal: Removal): End {
  if (removal.type === "failed") return { type: "failed", done: false, told: `not dropped: ${removal.detail}` };
  return { type: "dropped", done: true, told: "dropped" };
}
