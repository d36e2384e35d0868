import * as z from "zod";
import { fleetReportSchema } from "./report.ts";

/** What a simulator tells the process that started it, once a second and at its end. */
export const fromSimulatorSchema = z.strictObject({
  type: z.enum(["progress", "done"]),
  report: fleetReportSchema,
});
export type FromSimulator = z.output<typeof fromSimulatorSchema>;

/** What it is told: stop sending, flush and report. */
export const toSimulatorSchema = z.strictObject({ type: z.literal("stop") });
export type ToSimulator = z.output<typeof toSimulatorSchema>;
