import { BadOutcomeError } from "./errors.ts";
import type { Outcome } from "./outcome.ts";

type Fields = Readonly<Record<string, unknown>>;

const DONE = { type: "done" } as const;

export function isDelay(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value >= 0;
}

/**
 * What a run returned, whatever it returned: nothing means done. Throws `BadOutcomeError`: a handler may be JavaScript, and
 * a value that only looks like success must not acknowledge a message.
 */
export function readOutcome(returned: unknown): Outcome {
  if (returned === undefined || returned === null) return DONE;
  const outcome = outcomeOf(returned);
  if (outcome === null) throw new BadOutcomeError(`the run returned ${nameOf(returned)}, which is no outcome`);
  return outcome;
}

/** The value as an outcome, judged by shape; null when it is none. */
export function outcomeOf(value: unknown): Outcome | null {
  if (!isObject(value)) return null;
  switch (value.type) {
    case "done":
      return DONE;
    case "retry":
      return retryOf(value);
    case "dead":
      return deadOf(value);
    case "drop":
      return typeof value.reason === "string" ? { type: "drop", reason: value.reason } : null;
    case "snooze":
      return isDelay(value.delayMs) ? { type: "snooze", delayMs: value.delayMs } : null;
    default:
      return null;
  }
}

function retryOf({ delayMs = null }: Fields): Outcome | null {
  return delayMs === null || isDelay(delayMs) ? { type: "retry", delayMs } : null;
}

function deadOf({ reason, detail = "" }: Fields): Outcome | null {
  return typeof reason === "string" && typeof detail === "string" ? { type: "dead", reason, detail } : null;
}

/** Says what kind of thing a value is without quoting it: it may be huge, secret, or impossible to turn into text. */
export function nameOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) return "a list";
  if (!isObject(value)) return `a ${typeof value}`;
  return typeof value.type === "string" ? `an object of type ${JSON.stringify(value.type.slice(0, 32))}` : "an object";
}

export function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null;
}
