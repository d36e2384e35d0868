import {
  AckPolicy,
  type ConsumerInfo,
  DeliverPolicy,
  type JetStreamManager,
  type MsgHdrs,
  type NatsConnection,
  type StoredMsg,
} from "nats";
import { errCodeOf } from "./api-error.ts";
import { Delivery } from "./delivery.ts";
import { manage } from "./manager.ts";
import { pullBatch } from "./pull-batch.ts";

/** A message as it lies in a stream. */
export interface StoredMessage {
  readonly sequence: number;
  readonly subject: string;
  readonly storedAt: Date;
  /** The first value of a header, or null. */
  header(name: string): string | null;
  /** Every header with its values, in their order. */
  headers(): readonly (readonly [name: string, value: string])[];
  readonly data: Uint8Array;
}

interface BrowseOptions {
  readonly stream: string;
  readonly fromSequence: number;
}

const BATCH = 256;
/** A reader may take its time over a batch; its consumer is gone soon after one that was cut off. */
const INACTIVE_MS = 300_000;

/**
 * Reads a limits stream from a sequence to what was its end at the start, leaving it as it is: an ephemeral consumer that
 * acknowledges nothing, so nobody else's position moves. Messages may be removed while it reads, and the reader may be as
 * slow as it likes: each batch is read in full before it is handed on. (The client's ordered consumer loses what it had
 * received and not handed over when its `fetch` ends meanwhile.)
 */
export async function* browse(connection: NatsConnection, options: BrowseOptions): AsyncIterable<StoredMessage> {
  const { stream, fromSequence } = options;
  const jsm = await manage(connection);
  const { last_seq: last } = (await jsm.streams.info(stream)).state;
  if (fromSequence > last) return;
  const { name: durable } = await makeReader(jsm, stream, fromSequence);
  try {
    for (let count = BATCH; count === BATCH; ) {
      const batch = await pullBatch(connection, { stream, durable }, BATCH);
      count = batch.length;
      for (const message of batch) {
        const delivery = new Delivery(message, 0);
        if (delivery.streamSequence > last) return;
        yield storedMessage(delivery);
      }
    }
  } finally {
    await jsm.consumers.delete(stream, durable).catch(() => {}); // or the server forgets it by itself
  }
}

/** How many messages a stream holds from a sequence on. */
export async function countFrom(connection: NatsConnection, options: BrowseOptions): Promise<number> {
  const { stream, fromSequence } = options;
  const jsm = await manage(connection);
  const { name, num_pending: count } = await makeReader(jsm, stream, fromSequence);
  await jsm.consumers.delete(stream, name).catch(() => {}); // as above
  return count;
}

function makeReader(jsm: JetStreamManager, stream: string, fromSequence: number): Promise<ConsumerInfo> {
  return jsm.consumers.add(stream, {
    ack_policy: AckPolicy.None,
    deliver_policy: DeliverPolicy.StartSequence,
    opt_start_seq: fromSequence,
    inactive_threshold: INACTIVE_MS * 1e6,
    mem_storage: true,
    num_replicas: 1,
  });
}

function storedMessage(delivery: Delivery): StoredMessage {
  return {
    sequence: delivery.streamSequence,
    subject: delivery.subject,
    storedAt: new Date(delivery.timestampMs),
    header: (name) => delivery.header(name) || null,
    headers: () => delivery.headers(),
    data: delivery.data,
  };
}

/** One message by its sequence, or null when it is not (or no longer) there. */
export async function readMessage(
  connection: NatsConnection,
  stream: string,
  sequence: number,
): Promise<StoredMessage | null> {
  return messageAt(await manage(connection), stream, sequence);
}

/** As `readMessage`, for many of them. */
export function messageAt(jsm: JetStreamManager, stream: string, sequence: number): Promise<StoredMessage | null> {
  return getMessage(jsm, stream, { seq: sequence });
}

/** The first message on a subject (wildcards allowed) from a sequence on; also on a work queue, which has no readers. */
export function nextMessage(
  jsm: JetStreamManager,
  { stream, subject, fromSequence }: BrowseOptions & { readonly subject: string },
): Promise<StoredMessage | null> {
  return getMessage(jsm, stream, { seq: fromSequence, next_by_subj: subject });
}

/** The client's types know `next_by_subj` for direct gets only; every server from 2.9 on knows it here too. */
type MessageQuery = { readonly seq: number; readonly next_by_subj?: string };

async function getMessage(jsm: JetStreamManager, stream: string, query: MessageQuery): Promise<StoredMessage | null> {
  try {
    return foundMessage(await jsm.streams.getMessage(stream, query));
  } catch (error) {
    if (isNotFound(error)) return null;
    throw error;
  }
}

/** The server stores header bytes unread and the client throws on malformed ones: such a message counts as without. */
function foundMessage(message: StoredMsg): StoredMessage {
  const read = (): MsgHdrs | undefined => {
    try {
      return message.header;
    } catch {
      return undefined;
    }
  };
  return {
    sequence: message.seq,
    subject: message.subject,
    storedAt: message.time,
    header: (name) => read()?.get(name) || null,
    headers: () => [...(read() ?? [])].flatMap(([name, values]) => values.map((value) => [name, value] as const)),
    data: message.data,
  };
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
