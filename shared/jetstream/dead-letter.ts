import { createHash } from "node:crypto";
import type { Delivery } from "./delivery.ts";
import { type PublishChannel, publishOnce } from "./publish-once.ts";
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
  readonly diedAt: Date;
}

const MOST_DETAIL_CHARACTERS = 1_000;
/** Room for the headers of a truncated copy. */
const HEADER_ROOM_BYTES = 8_192;

/** Header values are one line: what would end it becomes a space. */
function oneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what a header value must not hold
  return text.slice(0, MOST_DETAIL_CHARACTERS).replace(/[\u0000-\u001f\u007f]+/g, " ");
}

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
    ["Dead-Message-Id", delivery.header("Nats-Msg-Id")],
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

function truncated<P extends { readonly headers: readonly (readonly [string, string])[] }>(
  { connection }: PublishChannel,
  publication: P,
  { data }: Delivery,
) {
  const limit = (connection.info?.max_payload ?? data.length) - HEADER_ROOM_BYTES;
  const headers: readonly (readonly [string, string])[] = [
    ...publication.headers,
    ["Dead-Truncated-From", String(data.length)],
    ["Dead-Sha256", createHash("sha256").update(data).digest("hex")],
  ];
  return { ...publication, headers, body: data.subarray(0, Math.max(0, limit)) };
}
