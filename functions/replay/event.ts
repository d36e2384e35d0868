import * as z from "zod";
import { problemOf, selectionSchema } from "./selection.ts";

/** An event that says too little, too much or nonsense: nothing was touched. */
export class ReplayEventError extends Error {
  override readonly name = "ReplayEventError";
  readonly code = "REPLAY_EVENT_INVALID";
}

const UNCLEAR = {
  nothing: "name sequences, give filters such as job, or say all: true",
  both: "name sequences, or say all or filters, but not both",
};

const selection = selectionSchema.superRefine((value, context) => {
  const problem = problemOf(value);
  if (problem !== null) context.addIssue({ code: "custom", message: UNCLEAR[problem] });
});

/** What the replay function is asked for. Only our own commands ask: an unknown key is a mistake, and never ignored. */
const replayEventSchema = z.strictObject({
  selection,
  /** Say what would be done, and do nothing. */
  dryRun: z.boolean().default(false),
  /** Leave those alone that were replayed this often already. */
  maxReplays: z.number().int().min(1).default(3),
  /** Replay those nevertheless. */
  force: z.boolean().default(false),
  /** Who asks, for the audit. */
  by: z.string().min(1).max(200),
  why: z.string().min(1).max(1_000).optional(),
  /** Most milliseconds it may take; the function's own time limit counts besides. */
  budgetMs: z.number().int().min(1).optional(),
  /** Which dead letters the answer names: those that are left undone, or all. */
  details: z.enum(["undone", "all"]).default("undone"),
  /** How many of them it names at most; the others are counted. */
  mostDetails: z.number().int().min(0).default(100),
});

export type ReplayEvent = z.output<typeof replayEventSchema>;

/** Throws `ReplayEventError` with every problem in one line. */
export function readReplayEvent(event: unknown): ReplayEvent {
  const read = replayEventSchema.safeParse(event);
  if (read.success) return read.data;
  const problems = read.error.issues.map(({ path, message }) => [...path.map(String), message].join(": "));
  throw new ReplayEventError(`the event cannot be used, and nothing was done: ${problems.join("; ")}`);
}
