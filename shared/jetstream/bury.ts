import { JOB_HEADERS } from "../jobs/headers.ts";
import type { StoredMessage } from "./browse.ts";
import { copyToDeadLetters, type DeadLetterTarget, type DeadMessage, type Death } from "./dead-letter.ts";
import type { PublishChannel } from "./publish-once.ts";
import { removeStored } from "./remove.ts";

/** Why a sweeper gives a message up. */
const DELIVERIES_SPENT = "DELIVERIES_SPENT";

/** A message nobody will be handed any more, and the job it was for. */
export interface SpentMessage {
  readonly job: string;
  readonly stream: string;
  readonly message: StoredMessage;
  /** How often the server handed it over. */
  readonly deliveries: number;
  /** False for a stream that keeps its messages: it stays there. */
  readonly remove: boolean;
}

/** `failed`: it is where it was, and perhaps among the dead letters too; the next sweep comes back to it. */
export type Buried =
  | { readonly type: "buried"; readonly reason: string }
  | { readonly type: "failed"; readonly detail: string };

/**
 * Copies a spent message to the dead letters, confirmed, then takes it out of its queue. Many sweepers may do this to one
 * message at one time: the copies have one id, and a removal that finds nothing is one that somebody else has made.
 */
export async function bury(
  channel: PublishChannel,
  deadLetters: DeadLetterTarget,
  spent: SpentMessage,
): Promise<Buried> {
  const { stream, message, remove } = spent;
  const copy = await copyToDeadLetters(deadLetters, { delivery: deadMessage(stream, message), death: deathOf(spent) });
  if (!copy.stored) return { type: "failed", detail: `not copied: ${copy.failure}: ${copy.detail}` };
  if (!remove) return { type: "buried", reason: DELIVERIES_SPENT };
  const removal = await removeStored(channel, stream, message.sequence);
  if (removal.type === "failed") return { type: "failed", detail: `not removed: ${removal.detail}` };
  return { type: "buried", reason: DELIVERIES_SPENT };
}

function deathOf({ job, deliveries, message }: SpentMessage): Death {
  const firstRunAt = new Date(message.header(JOB_HEADERS.firstRunAt) ?? Number.NaN);
  return {
    job,
    handler: "", // whoever had it did not say
    reason: DELIVERIES_SPENT,
    detail: `delivered ${deliveries} times, as often as its consumer allows, and never settled`,
    attempts: deliveries,
    ...(Number.isNaN(firstRunAt.getTime()) ? {} : { firstRunAt }),
    diedAt: new Date(),
  };
}

function deadMessage(stream: string, message: StoredMessage): DeadMessage {
  return {
    stream,
    streamSequence: message.sequence,
    subject: message.subject,
    timestampMs: message.storedAt.getTime(),
    data: message.data,
    header: (name) => message.header(name) ?? "",
    headers: () => message.headers(),
  };
}
