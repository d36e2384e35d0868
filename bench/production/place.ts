import { setTimeout as wait } from "node:timers/promises";
import { connect, type JsMsg, RetentionPolicy, StorageType } from "nats";
import { readAdapterOutput } from "../../shared/choria/output.ts";

/** Where a measurement stores. */
export interface Place {
  readonly url: string;
  readonly stream: string;
}

/** Keeps a disk of a few gigabytes from filling up; the oldest go. */
const MAX_BYTES = 3_000_000_000;
/** Nanoseconds: the least the server takes; a fleet's messages come again later than that, and are new ones then. */
const DUPLICATE_WINDOW_NS = 100_000_000;

/** A server that go-choria connects to offers TLS; this client would take the offer, and trust nobody. */
const dial = (servers: string) => connect({ servers, tls: null });

/** The stream of a measurement, made anew. */
export async function makeStream({ url, stream: name }: Place): Promise<void> {
  const connection = await dial(url);
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
  const connection = await dial(url);
  await (await connection.jetstreamManager()).streams.delete(stream);
  await connection.close();
}

/** How many messages the place has taken, once it takes no more. */
export async function storedAtLast({ url, stream }: Place): Promise<number> {
  const connection = await dial(url);
  const manager = await connection.jetstreamManager();
  try {
    for (let last = -1; ; await wait(LOOK_EVERY_MS)) {
      const { last_seq: now } = (await manager.streams.info(stream)).state;
      if (now === last) return now;
      last = now;
    }
  } finally {
    await connection.close();
  }
}

/** One stored message, as what was stored and the server tell of it. */
export interface StoredMessage {
  readonly requestId: string;
  readonly sender: string;
  /** Unix milliseconds: when the stream stored it. */
  readonly storedAtMs: number;
}

const AT_ONCE = 2_000;
const LOOK_EVERY_MS = 2_000;

/** All that the stream holds, in order, by the bridge's own headers: without the bodies. */
export function readStored(place: Place): Promise<readonly StoredMessage[]> {
  return readAll(place, { headers_only: true }, ({ headers }) => ({
    requestId: headers?.get("Choria-Request-Id") ?? "",
    sender: headers?.get("Choria-Sender") ?? "",
  }));
}

/** The same of what go-choria's adapter stored, which writes no headers. */
export function readEnvelopes(place: Place): Promise<readonly StoredMessage[]> {
  return readAll(place, {}, ({ data, seq }) => {
    const envelope = readAdapterOutput(data);
    if (envelope === null) throw new Error(`message ${seq} of ${place.stream} is no envelope of an adapter`);
    return { requestId: envelope.requestId, sender: envelope.sender };
  });
}

async function readAll(
  { url, stream }: Place,
  options: { readonly headers_only?: boolean },
  read: (message: JsMsg) => Omit<StoredMessage, "storedAtMs">,
): Promise<readonly StoredMessage[]> {
  const connection = await dial(url);
  const { state } = await (await connection.jetstreamManager()).streams.info(stream);
  const stored: StoredMessage[] = [];
  if (state.messages > 0) {
    const consumer = await connection.jetstream().consumers.get(stream, options);
    for await (const message of await consumer.consume({ max_messages: AT_ONCE })) {
      stored.push({ ...read(message), storedAtMs: message.info.timestampNanos / 1e6 });
      if (stored.length === state.messages) break;
    }
  }
  await connection.close();
  return stored;
}
