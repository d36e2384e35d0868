import { headers as makeHeaders, type NatsConnection } from "nats";
import type { Channel } from "./channel.ts";
import { type PubAckResult, readPubAck } from "./puback.ts";
import type { ReplyInbox } from "./replies.ts";

export interface Publication {
  readonly subject: string;
  /** The stream that must take it; another one that listens on the subject refuses. */
  readonly stream: string;
  /** Becomes `Nats-Msg-Id`. */
  readonly id: string;
  /** Names that start `Nats-` are left out: one that came with a message (`Nats-Rollup`, `Nats-Expected-…`) is an order to the server. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Uint8Array;
}

export interface PublishChannel {
  readonly connection: NatsConnection;
  readonly replies: ReplyInbox;
}

const RESERVED = /^nats-/i;
/**
 * The server closes the connection of a client whose protocol line is longer than its `max_control_line` (4,096 bytes by
 * default), and with it everything in flight. The rest of the line is a reply subject and two lengths.
 */
const MOST_SUBJECT_BYTES = 3_900;

/**
 * Publishes one message and calls back, exactly once, with what the stream says about it; never throws. Called back before
 * it returns when the client itself refuses the message.
 */
export function publishConfirmed(
  channel: PublishChannel,
  publication: Publication,
  onResult: (result: PubAckResult) => void,
): void {
  if (Buffer.byteLength(publication.subject) > MOST_SUBJECT_BYTES) {
    onResult({ stored: false, failure: "too_large", detail: `a subject has at most ${MOST_SUBJECT_BYTES} bytes` });
    return;
  }
  if (channel.replies.isDenied) {
    // It would be stored, nobody would hear of it, and the next try might come after the duplicate window.
    onResult({
      stored: false,
      failure: "unavailable",
      detail: "the server refuses the subscription that hears its answers",
    });
    return;
  }
  const reply = channel.replies.expect((answer) => onResult(readPubAck(answer)));
  try {
    const headers = publicationHeaders(publication);
    channel.connection.publish(publication.subject, publication.body, { headers, reply });
  } catch (error) {
    channel.replies.forget(reply);
    onResult(refusedByClient(error));
  }
}

/** As `publishConfirmed`, for callers that wait for one message; never rejects. */
export function publishOnce(channel: PublishChannel, publication: Publication): Promise<PubAckResult> {
  return new Promise((resolve) => publishConfirmed(channel, publication, resolve));
}

/** As `publishOnce`, sent together with whatever else goes out in this turn of the event loop. */
export function publishTogether(channel: Channel, publication: Publication): Promise<PubAckResult> {
  return new Promise((resolve) => channel.outbox.add({ send: () => publishConfirmed(channel, publication, resolve) }));
}

function publicationHeaders({ headers: given, id, stream }: Publication) {
  const headers = makeHeaders();
  for (const [name, value] of given) if (!RESERVED.test(name)) headers.append(name, value);
  headers.append("Nats-Msg-Id", id);
  headers.append("Nats-Expected-Stream", stream);
  return headers;
}

/** The client checks some things itself before it sends: those say something about the message, the rest about the connection. */
function refusedByClient(error: unknown): PubAckResult {
  const detail = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && "code" in error ? error.code : "";
  if (code === "MAX_PAYLOAD_EXCEEDED") return { stored: false, failure: "too_large", detail };
  if (code === "BAD_HEADER" || code === "BAD_SUBJECT") return { stored: false, failure: "refused", detail };
  return { stored: false, failure: "unavailable", detail };
}
