import { DELAY_HEADERS, JOB_HEADERS } from "../jobs/headers.ts";
import type { DeadLetter } from "./dead-letters.ts";
import type { Publication } from "./publish-once.ts";

export interface ReplayLimits {
  /** A message that died this often again is not replayed any more: it would go round for ever. */
  readonly maxReplays: number;
  /** Replay it nevertheless. */
  readonly force: boolean;
}

/** What can be done with a dead letter. */
export type ReplayPlan =
  | { readonly type: "publish"; readonly publication: Publication }
  | { readonly type: "capped"; readonly replays: number }
  | { readonly type: "truncated"; readonly bytes: number; readonly of: number }
  | { readonly type: "unusable"; readonly problem: string };

/** Headers of the life that ended. How often it was parked stays: parked copies are numbered by it. */
const ENDED: ReadonlySet<string> = new Set([
  JOB_HEADERS.id,
  JOB_HEADERS.attempts,
  JOB_HEADERS.crashes,
  JOB_HEADERS.replays,
  JOB_HEADERS.firstRunAt,
  ...Object.values(DELAY_HEADERS),
]);

const isCarried = (name: string): boolean => !/^(?:dead|nats)-/i.test(name) && !ENDED.has(name);

/**
 * The message a dead letter becomes again: its own body and headers, where it came from, under a new id (the old one may
 * still be in the stream's duplicate window, which would swallow it), and with the id its outputs are keyed by.
 */
export function planReplay(letter: DeadLetter, { maxReplays, force }: ReplayLimits): ReplayPlan {
  const { id, subject, stream, body, truncatedFrom } = letter;
  if (truncatedFrom !== null) return { type: "truncated", bytes: body.length, of: truncatedFrom };
  // Not more than a subject: what stands behind a space would be read as a part of the protocol's line.
  if (stream === "" || !/^[^\s]+$/.test(subject)) {
    return { type: "unusable", problem: "its headers do not say where it came from" };
  }
  if (id === "") return { type: "unusable", problem: "its headers do not say which message it was" };
  if (letter.replays >= maxReplays && !force) return { type: "capped", replays: letter.replays };
  const replays = letter.replays + 1;
  const headers = letter.headers.filter(([name]) => isCarried(name));
  headers.push([JOB_HEADERS.id, id], [JOB_HEADERS.replays, String(replays)]);
  return { type: "publish", publication: { subject, stream, id: `${id}.r${replays}`, headers, body } };
}
