import { createHash } from "node:crypto";
import { DEAD_HEADERS, JOB_HEADERS } from "../jobs/headers.ts";
import { placeText } from "../jobs/identity.ts";
import { readMessage } from "./browse.ts";
import { headerText } from "./header-text.ts";
import type { PubAckResult } from "./puback.ts";
import { type Publication, type PublishChannel, publishOnce } from "./publish-once.ts";

/** Where messages go that a job gave up on. */
export interface DeadLetterTarget {
  /** Its connection may be another one than the job's. */
  readonly channel: PublishChannel;
  readonly stream: string;
  /** Subjects are `<prefix>.<job>`. */
  readonly subjectPrefix: string;
}

/** Why a message is given up. */
export interface Death {
  readonly job: string;
  readonly handler: string;
  /** A short stable code. */
  readonly reason: string;
  /** For people; may quote the handler's error. */
  readonly detail: string;
  readonly attempts: number;
  /** When the first of its runs began; absent when none did. */
  readonly firstRunAt?: Date;
  readonly diedAt: Date;
}

/** A message to be copied: one that was delivered, or one found lying in its stream. */
export interface DeadMessage {
  readonly stream: string;
  readonly streamSequence: number;
  readonly subject: string;
  /** When the stream took it, milliseconds since 1970. */
  readonly timestampMs: number;
  readonly data: Uint8Array;
  /** First value of the header; empty when there is none. */
  header(name: string): string;
  headers(): readonly (readonly [name: string, value: string])[];
}

const MOST_DETAIL_CHARACTERS = 1_000;
/** JetStream stores no more headers, whatever `max_payload` is (error 10097). */
const MOST_HEADER_BYTES = 65_535;
/** Room for what a truncated copy has besides its body and the headers that are counted. */
const ROOM_BYTES = 2_048;

const oneLine = (text: string): string => headerText(text, MOST_DETAIL_CHARACTERS);

function deathHeaders(message: DeadMessage, death: Death): (readonly [string, string])[] {
  const firstRunAt = death.firstRunAt?.toISOString();
  return [
    [DEAD_HEADERS.reason, oneLine(death.reason)],
    [DEAD_HEADERS.error, oneLine(death.detail)],
    [DEAD_HEADERS.attempts, String(death.attempts)],
    [DEAD_HEADERS.job, death.job],
    [DEAD_HEADERS.handler, death.handler],
    [DEAD_HEADERS.stream, message.stream],
    [DEAD_HEADERS.sequence, String(message.streamSequence)],
    [DEAD_HEADERS.subject, message.subject],
    [DEAD_HEADERS.messageId, oneLine(message.header("Nats-Msg-Id"))],
    [DEAD_HEADERS.storedAt, new Date(message.timestampMs).toISOString()],
    ...(firstRunAt === undefined ? [] : [[DEAD_HEADERS.firstRunAt, firstRunAt] as const]),
    [DEAD_HEADERS.at, death.diedAt.toISOString()],
  ];
}

/**
 * What a life has used up ends with it. Who the message is stays, and how often it was parked and replayed: ids are
 * numbered by these, and one that is used again within the window is taken for a duplicate.
 */
const ENDS_WITH_LIFE: ReadonlySet<string> = new Set([
  JOB_HEADERS.attempts,
  JOB_HEADERS.crashes,
  JOB_HEADERS.firstRunAt,
  JOB_HEADERS.requeuedFrom,
]);

const isKept = (name: string): boolean => !name.startsWith("Dead-") && !ENDS_WITH_LIFE.has(name);

/**
 * The message that died. One that was dead before, and lay in its queue again because the server had brought it back, is
 * the same. With the time: a stream that is made anew counts from 1 again.
 */
function originOf(message: DeadMessage): string {
  return message.header(JOB_HEADERS.requeuedFrom) || placeOf(message);
}

function placeOf({ stream, streamSequence, timestampMs }: DeadMessage): string {
  return placeText({ stream, sequence: streamSequence, storedAtMs: timestampMs });
}

/** Where a message says by itself which it was, somebody else may say the same: the letter that is there is looked at. */
async function isSame({ channel, stream }: DeadLetterTarget, sequence: number, message: DeadMessage): Promise<boolean> {
  if (message.header(JOB_HEADERS.requeuedFrom) === "") return true;
  const letter = await readMessage(channel.connection, stream, sequence).catch(() => null);
  return letter !== null && Buffer.from(letter.data).equals(message.data);
}

/**
 * Copies a message to the dead-letter stream: its body and headers, and `Dead-*` headers that say where it came from and
 * why. The id is the same for the same message and job, so that a repeated copy is stored once: a worker's and a
 * sweeper's too. Never rejects.
 */
export async function copyToDeadLetters(
  target: DeadLetterTarget,
  { delivery, death }: { readonly delivery: DeadMessage; readonly death: Death },
): Promise<PubAckResult> {
  const kept = delivery.headers().filter(([name]) => isKept(name));
  const publication = {
    subject: `${target.subjectPrefix}.${death.job}`,
    stream: target.stream,
    id: `dead:${originOf(delivery)}:${death.job}`,
    headers: [...kept, ...deathHeaders(delivery, death)],
    body: delivery.data,
  };
  const result = await publishOnce(target.channel, publication);
  if (result.stored && result.duplicate && !(await isSame(target, result.sequence, delivery))) {
    return publishOnce(target.channel, { ...publication, id: `dead:${placeOf(delivery)}:${death.job}` });
  }
  if (result.stored || result.failure !== "too_large") return result;
  // The message filled the server's limit to the last byte and the headers that explain it do not fit: without a copy it
  // would be redelivered for ever, so a cut one, marked as such, is kept.
  return publishOnce(target.channel, truncated(target.channel, publication, delivery));
}

function truncated({ connection }: PublishChannel, publication: Publication, { data }: DeadMessage): Publication {
  const room = (connection.info?.max_payload ?? data.length) - ROOM_BYTES;
  const all = publication.headers;
  // Headers alone can fill a limit: then only those that tell the story are kept.
  const isTooMuch = sizeOf(all) > Math.min(room, MOST_HEADER_BYTES - ROOM_BYTES);
  const kept = isTooMuch ? all.filter(([name]) => name.startsWith("Dead-")) : all;
  const headers: Publication["headers"] = [
    ...kept,
    [DEAD_HEADERS.truncatedFrom, String(data.length)],
    [DEAD_HEADERS.sha256, createHash("sha256").update(data).digest("hex")],
  ];
  return { ...publication, headers, body: data.subarray(0, Math.max(0, room - sizeOf(kept))) };
}

/** Bytes on the wire. */
function sizeOf(headers: Publication["headers"]): number {
  return headers.reduce((sum, [name, value]) => sum + name.length + Buffer.byteLength(value) + ": \r\n".length, 0);
}
