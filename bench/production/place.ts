import { connect, RetentionPolicy, StorageType } from "nats";

/** Where a measurement stores. */
export interface Place {
  readonly url: string;
  readonly stream: string;
}

/** Keeps a disk of a few gigabytes from filling up; the oldest go. */
const MAX_BYTES = 3_000_000_000;
/** Nanoseconds: the least the server takes; a fleet's messages come again later than that, and are new ones then. */
const DUPLICATE_WINDOW_NS = 100_000_000;

/** The stream of a measurement, made anew. */
export async function makeStream({ url, stream: name }: Place): Promise<void> {
  const connection = await connect({ servers: url });
  const jsm = await connection.jetstreamManager();
  await jsm.streams.delete(name).catch(() => {});
  await jsm.streams.add({
    name,
    subjects: [`bench.${name}.>`],
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    max_bytes: MAX_BYTES,
    duplicate_window: DUPLICATE_WINDOW_NS,
  });
  await connection.close();
}

export async function removeStream({ url, stream }: Place): Promise<void> {
  const connection = await connect({ servers: url });
  await (await connection.jetstreamManager()).streams.delete(stream);
  await connection.close();
}

/** One stored message, as the bridge's own headers and the server tell of it. */
export interface StoredMessage {
  readonly requestId: string;
  readonly sender: string;
  /** Unix milliseconds: when the stream stored it. */
  readonly storedAtMs: number;
}

const AT_ONCE = 2_000;

/** All that the stream holds, in order, without the bodies. */
export async function readStored({ url, stream }: Place): Promise<readonly StoredMessage[]> {
  const connection = await connect({ servers: url });
  const { state } = await (await connection.jetstreamManager()).streams.info(stream);
  const stored: StoredMessage[] = [];
  if (state.messages > 0) {
    const consumer = await connection.jetstream().consumers.get(stream, { headers_only: true });
    for await (const { headers, info } of await consumer.consume({ max_messages: AT_ONCE })) {
      const requestId = headers?.get("Choria-Request-Id") ?? "";
      const sender = headers?.get("Choria-Sender") ?? "";
      stored.push({ requestId, sender, storedAtMs: info.timestampNanos / 1e6 });
      if (stored.length === state.messages) break;
    }
  }
  await connection.close();
  return stored;
}
