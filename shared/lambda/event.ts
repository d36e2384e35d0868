import * as z from "zod";

/**
 * The fields of an invocation's event that a function reads; whatever else it holds is ignored, as is an event that is no
 * object at all: a schedule sends an EventBridge document, which has neither field.
 */
const invocationEventSchema = z.object({
  /** Name in `jobs`: drain this one only. Absent: all jobs of the function. */
  job: z.string().min(1).optional(),
  /** Most milliseconds the drain may take; the function's own time limit counts besides. */
  budgetMs: z.number().int().min(1).optional(),
});

export type InvocationEvent = z.infer<typeof invocationEventSchema>;

export type ReadEvent =
  | { readonly ok: true; readonly event: InvocationEvent }
  /** One line: what is wrong with which field. */
  | { readonly ok: false; readonly problem: string };

/** Reads the documented fields of an event of any shape. */
export function readInvocationEvent(event: unknown): ReadEvent {
  if (typeof event !== "object" || event === null || Array.isArray(event)) return { ok: true, event: {} };
  const read = invocationEventSchema.safeParse(event);
  if (read.success) return { ok: true, event: read.data };
  const problems = read.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
  return { ok: false, problem: `the invocation's event is not valid: ${problems.join("; ")}` };
}

const count = z.number().int().min(0);

/** What a drain answers; fields that a later version adds are passed over. */
export const drainReportSchema = z.object({
  processed: count,
  retried: count,
  dead: count,
  dropped: count,
  returned: count,
  unsettled: count,
  /** Messages the consumers still have; null when the server did not say. */
  left: count.nullable(),
  /** `empty`, `deadline` or `stopped`; a later version may have others. */
  reason: z.string(),
});

export type DrainAnswer = z.infer<typeof drainReportSchema>;
