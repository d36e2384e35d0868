import type { NatsConnection } from "nats";
import { errCodeOf } from "./api-error.ts";
import { manage } from "./manager.ts";

/** A message as it lies in a stream. */
export interface StoredMessage {
  readonly sequence: number;
  readonly subject: string;
  readonly storedAt: Date;
  /** The first value of a header, or null. */
  header(name: string): string | null;
  readonly data: Uint8Array;
}

interface BrowseOptions {
  readonly stream: string;
  readonly fromSequence: number;
}

const BATCH = 256;

/**
 * Reads a limits stream from a sequence to what was its end at the start, leaving it as it is: an ephemeral ordered
 * consumer, so nothing is acknowledged and nobody else's position moves.
 */
export async function* browse(connection: NatsConnection, options: BrowseOptions): AsyncIterable<StoredMessage> {
  const jsm = await manage(connection);
  const { state } = await jsm.streams.info(options.stream);
  if (state.messages === 0 || options.fromSequence > state.last_seq) return;
  const consumer = await connection
    .jetstream()
    .consumers.get(options.stream, { opt_start_seq: Math.max(options.fromSequence, state.first_seq) });
  for (;;) {
    const batch = await consumer.fetch({ max_messages: BATCH, expires: 2_000 });
    for await (const message of batch) {
      const { seq: sequence, subject, headers } = message;
      yield {
        sequence,
        subject,
        storedAt: new Date(message.info.timestampNanos / 1e6),
        header: (name) => headers?.get(name) || null,
        data: message.data,
      };
      if (message.info.pending === 0 || sequence >= state.last_seq) return;
    }
  }
}

/** One message by its sequence, or null when it is not (or no longer) there. */
export async function readMessage(
  connection: NatsConnection,
  stream: string,
  sequence: number,
): Promise<StoredMessage | null> {
  const jsm = await manage(connection);
  try {
    const message = await jsm.streams.getMessage(stream, { seq: sequence });
    const { subject, data, header } = message;
    return { sequence, subject, storedAt: message.time, header: (name) => header?.get(name) || null, data };
  } catch (error) {
    if (isNotFound(error)) return null;
    throw error;
  }
}

/** Removes one message; false when it was gone already. */
export async function deleteMessage(connection: NatsConnection, stream: string, sequence: number): Promise<boolean> {
  const jsm = await manage(connection);
  try {
    return await jsm.streams.deleteMessage(stream, sequence);
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}

const NO_MESSAGE_FOUND = 10037;
const MESSAGE_DELETE_FAILED = 10057;

function isNotFound(error: unknown): boolean {
  const code = errCodeOf(error);
  return code === NO_MESSAGE_FOUND || code === MESSAGE_DELETE_FAILED;
}
