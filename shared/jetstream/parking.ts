import { DELAY_HEADERS } from "../jobs/headers.ts";
import { readMessage } from "./browse.ts";
import type { Delivery } from "./delivery.ts";
import { type Publication, type PublishChannel, publishOnce } from "./publish-once.ts";

/** The stream that messages wait in whose next run is far off. */
export interface DelayedTarget {
  readonly channel: PublishChannel;
  readonly stream: string;
  /** Subjects are `<prefix>.<job>`. */
  readonly subjectPrefix: string;
}

/** A message to put back later: where, under which id, and when by the server's clock. */
export interface Postponed {
  readonly job: string;
  readonly stream: string;
  readonly subject: string;
  /** Its id there. */
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly untilMs: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Uint8Array;
}

/**
 * Stores a message in the delayed stream; true once it is there. A `duplicate` counts only if the copy that the server means
 * is found and is this one: what was put back already is not, and the message whose copy it was would be lost with its ack.
 */
export async function postpone(target: DelayedTarget, message: Postponed): Promise<boolean> {
  const publication = publicationOf(target, message);
  const first = await publishOnce(target.channel, publication);
  if (!first.stored) return false;
  if (!first.duplicate || (await isThere(target, publication.id, first.sequence))) return true;
  const again = await publishOnce(target.channel, { ...publication, id: `${publication.id}.${message.untilMs}` });
  return again.stored;
}

const OWN = new Set<string>(Object.values(DELAY_HEADERS));

/**
 * The delayed stream is shared by all jobs, and ids are unique in a queue only: the job's name keeps them apart. A message that
 * brings headers of ours must not say where its copy goes: the first of two counts.
 */
function publicationOf(target: DelayedTarget, message: Postponed): Publication {
  return {
    subject: `${target.subjectPrefix}.${message.job}`,
    stream: target.stream,
    id: `${message.job}:${message.id}`,
    headers: [
      ...message.headers.filter(([name]) => !OWN.has(name)),
      [DELAY_HEADERS.until, String(Math.round(message.untilMs))],
      [DELAY_HEADERS.subject, message.subject],
      [DELAY_HEADERS.stream, message.stream],
      [DELAY_HEADERS.id, message.id],
    ],
    body: message.body,
  };
}

async function isThere({ channel, stream }: DelayedTarget, id: string, sequence: number): Promise<boolean> {
  try {
    const found = await readMessage(channel.connection, stream, sequence);
    return found?.header("Nats-Msg-Id") === id;
  } catch {
    return false;
  }
}

/** What a delivery of the delayed stream asks for; null when it says no such thing. */
export function readPostponed(delivery: Delivery): Omit<Postponed, "job"> | null {
  const untilMs = Number(delivery.header(DELAY_HEADERS.until));
  const subject = delivery.header(DELAY_HEADERS.subject);
  const stream = delivery.header(DELAY_HEADERS.stream);
  const id = delivery.header(DELAY_HEADERS.id);
  if (!Number.isFinite(untilMs) || untilMs <= 0 || subject === "" || stream === "" || id === "") return null;
  const headers = delivery.headers().filter(([name]) => !OWN.has(name));
  return { untilMs, subject, stream, id, headers, body: delivery.data };
}
