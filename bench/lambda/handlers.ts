import { defineHandler } from "../../shared/jobs/handler.ts";
import { waitMs } from "../jobs/moment.ts";
import { reportSchema } from "../jobs/payload.ts";

// The handlers of the functions that are measured: bundled with them, so nothing of the benchmark's own tools is here.

/** Does nothing, as that of the worker. */
export const nothing = defineHandler({ name: "bench", input: reportSchema, run: async () => {} });

/** Begins the line that says how long a message waited for its run, milliseconds. */
export const WAITED = "bench waited ";

/** Prints how long the message waited. */
export const waited = defineHandler({
  name: "bench",
  input: reportSchema,
  run: async ({ data }) => {
    process.stdout.write(`${WAITED}${waitMs(data.run)}\n`);
  },
});
