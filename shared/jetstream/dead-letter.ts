import { createHash } from "node:crypto";
import type { Delivery } from "./delivery.ts";
import { headerText } from "./header-text.ts";
import { type Publication, type PublishChannel, publishOnce } from "./publish-once.ts";
import type { PubAckResult } from "./puback.ts";

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

const MOST_DETAIL_CHARACTERS = 1_000;
/** JetStream stores no more headers, whatever `max_payload` is (error 10097). */
const MOST_HEADER_BYTES = 65_535;
/** Room for what a truncated copy has besides its body and the headers that are counted. */
const ROOM_BYTES = 2_048;

const oneLine = (text: string): string => headerText(text, MOST_DETAIL_CHARACTERS);

function deathHeaders(delivery: Delivery, death: Death): (readonly [string, string])[] {
  return [
    ["Dead-Reason", oneLine(death.reason)],
    ["Dead-Error", oneLine(death.detail)],
    ["Dead-Attempts", String(death.attempts)],
    ["Dead-Job", death.job],
    ["Dead-Handler", death.handler],
    ["Dead-Stream", delivery.stream],
    ["Dead-Sequence", String(delivery.streamSequence)],
    ["Dead-Subject", delivery.subject],
    ["Dead-Message-Id", oneLine(delivery.header("Nats-Msg-Id"))],
    ["Dead-Stored-At", new Date(delivery.timestampMs).toISOString()],
    ["Dead-At", death.diedAt.toISOString()],
  ];
}

/**
 * Copies a message to the dead-letter stream: its body and headers, and `Dead-*` headers that say where it came from and
 * why. The id is the same for the same message and handler, so that a repeated copy is stored once. Never rejects.
 */
export async function copyToDeadLetters(
  target: DeadLetterTarget,
  { delivery, death }: { readonly delivery: Delivery; readonly death: Death },
): Promise<PubAckResult> {
  const kept = delivery.headers().filter(([name]) => !name.startsWith("Dead-"));
  const publication = {
    subject: `${target.subjectPrefix}.${death.job}`,
    stream: target.stream,
    // With the time: a stream that is made anew counts from 1 again.
    id: `dead:${delivery.stream}:${delivery.streamSequence}:${delivery.timestampMs}:${death.handler}`,
    headers: [...kept, ...deathHeaders(delivery, death)],
    body: delivery.data,
  };
  const result = await publishOnce(target.channel, publication);
  if (result.stored || result.failure !== "too_large") return result;
  // The message filled the server's limit to the last byte and the headers that explain it do not fit: without a copy it
  // would be redelivered for ever, so a cut one, marked as such, is kept.
  return publishOnce(target.channel, truncated(target.channel, publication, delivery));
}

function truncated({ connection }: PublishChannel, publication: Publication, { data }: Delivery): Publication {
  const room = (connection.info?.max_payload ?? data.length) - ROOM_BYTES;
  const all = publication.headers;
  // Headers alone can fill a limit: then only those that tell the story are kept.
  const isTooMuch = sizeOf(all) > Math.min(room, MOST_HEADER_BYTES - ROOM_BYTES);
  const kept = isTooMuch ? all.filter(([name]) => name.startsWith("Dead-")) : all;
  const headers: Publication["headers"] = [
    ...kept,
    ["Dead-Truncated-From", String(data.length)],
    ["Dead-Sha256", createHash("sha256").update(data).digest("hex")],
  ];
  return { ...publication, headers, body: data.subarray(0, Math.max(0, room - sizeOf(kept))) };
}

/** Bytes on the wire. */
function sizeOf(headers: Publication["headers"]): number {
  return headers.reduce((sum, [name, value]) => sum + name.length + Buffer.byteLength(value) + ": \r\n".length, 0);
}
