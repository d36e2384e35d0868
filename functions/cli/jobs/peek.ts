import { bucketNames } from "../../../shared/config/names.ts";
import type { Config } from "../../../shared/config/schema.ts";
import { nextMessage, type StoredMessage } from "../../../shared/jetstream/browse.ts";
import { Bucket } from "../../../shared/jetstream/buckets.ts";
import { queueState } from "../../../shared/jetstream/job-queue.ts";
import { JOB_HEADERS } from "../../../shared/jobs/headers.ts";
import { readRecord, runKey } from "../../consumer/run-records.ts";
import { aboutConnection, type CommandConnections } from "../command-connections.ts";
import { countText, safeText } from "../text.ts";
import type { ChosenJob } from "./selection.ts";

/** A message that waits, as it lies in the stream. */
export interface PeekedMessage {
  readonly message: StoredMessage;
  /** `delivered`: handed over at least once, and not known to be settled. */
  readonly state: "waiting" | "delivered";
  /** Runs begun, as far as they are known: a first one that has not failed yet is not. */
  readonly attempts: number | null;
}

/** What a look into a queue works with. */
export interface PeekTools {
  readonly config: Config;
  readonly connections: CommandConnections;
}

const PREVIEW_BYTES = 160;

/** The next messages of a job, oldest first. They are read where they lie: none is delivered, no consumer moves. */
export async function* peek(
  { config, connections }: PeekTools,
  { name, connection: at, queue }: ChosenJob,
  limit: number,
): AsyncIterable<PeekedMessage> {
  const { connection, jsm } = await connections.get(at);
  try {
    const runs = await Bucket.find(connection, bucketNames(config).runs);
    const state = await queueState(jsm, queue);
    if (state === null) throw new Error(`job "${name}" has no stream "${queue.stream}" yet`);
    let from = state.ackFloor + 1;
    for (let shown = 0; shown < limit; shown += 1) {
      const message = await nextMessage(jsm, { stream: queue.stream, subject: queue.filter, fromSequence: from });
      if (message === null) return;
      const isDelivered = message.sequence <= state.delivered;
      const counted = isDelivered && runs !== null ? await runsOf(runs, name, message) : null;
      const attempts = counted ?? attemptsBefore(message);
      yield { message, state: isDelivered ? "delivered" : "waiting", attempts };
      from = message.sequence + 1;
    }
  } catch (error) {
    throw aboutConnection(at, error);
  }
}

async function runsOf(runs: Bucket, job: string, { sequence, storedAt }: StoredMessage): Promise<number | null> {
  const key = runKey(job, { streamSequence: sequence, timestampMs: storedAt.getTime() });
  const entry = await runs.get(key);
  return entry === null ? null : (readRecord(entry.text)?.runs ?? null);
}

/** Of a parked or replayed copy. */
function attemptsBefore(message: StoredMessage): number | null {
  const attempts = Number(message.header(JOB_HEADERS.attempts) ?? Number.NaN);
  return Number.isSafeInteger(attempts) ? attempts : null;
}

export function peekFacts({ message, state, attempts }: PeekedMessage) {
  const { sequence, subject, storedAt, data } = message;
  return {
    sequence,
    storedAt: storedAt.toISOString(),
    state,
    subject,
    id: message.header("Nats-Msg-Id"),
    sender: message.header("Choria-Sender"),
    attempts,
    bytes: data.length,
    body: Buffer.from(data).toString("base64"),
  };
}

/** Two lines: what is known of it, and how its body begins. */
export function peekText(peeked: PeekedMessage): string {
  const { sequence, storedAt, state, subject, id, sender, attempts, bytes } = peekFacts(peeked);
  const named = [
    safeText(subject),
    ...(id === null ? [] : [`id ${safeText(id)}`]),
    ...(sender === null ? [] : [`sender ${safeText(sender)}`]),
    ...(attempts === null ? [] : [`attempts ${attempts}`]),
  ];
  const known = [sequence, storedAt, state, ...named, `${countText(bytes)} B`].join("  ");
  return `${known}\n    ${preview(peeked.message.data)}`;
}

/** What a hostile sender wrote must not drive the operator's terminal. */
function preview(body: Uint8Array): string {
  const shown = Buffer.from(body.subarray(0, PREVIEW_BYTES)).toString("utf8");
  const text = safeText(shown.replace(/\s+/g, " "), PREVIEW_BYTES);
  return body.length > PREVIEW_BYTES ? `${text} …` : text;
}
