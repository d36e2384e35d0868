import * as z from "zod";
import { defineHandler, drop } from "../../shared/jobs/handler.ts"; // in a project of your own: "choria-bridge/handler"

const Facts = z.object({ content: z.object({ facts: z.record(z.string(), z.unknown()) }) });

/** An example: keeps the facts of an inventory report, and drops reports without any. */
export const facts = defineHandler({
  name: "facts",
  input: Facts,
  run: async (message, context) => {
    const found = message.data.content.facts;
    if (Object.keys(found).length === 0) return drop("NO_FACTS");
    await context.publish("nodes", { body: JSON.stringify(found) });
    return undefined;
  },
});
