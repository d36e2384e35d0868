import type { Msg } from "nats";

/**
 * Why a publish was not stored. Decided by JetStream's `err_code` alone: the text and the HTTP-like code of "stream full"
 * and "no stream" are the same 503.
 */
export type PublishFailure =
  | "timeout" // no answer: the message may be stored
  | "no_stream" // no stream listens on the subject, or JetStream is off
  | "full" // the stream's limits refuse it
  | "unavailable" // no leader, no resources, offline
  | "wrong_stream" // the subject belongs to another stream than the one configured
  | "too_large" // this message, never: size limits of the stream or the server
  | "refused"; // any other answer

export type PubAckResult =
  | { readonly stored: true; readonly sequence: number; readonly duplicate: boolean }
  | { readonly stored: false; readonly failure: PublishFailure; readonly detail: string };

/** err_code -> failure (nats-server `server/errors.json`). */
const FAILURES: Readonly<Record<number, PublishFailure>> = {
  10002: "full", // JSAccountResourcesExceededErr: the account's limits, not the stream's
  10008: "unavailable", // JSClusterNotAvailErr
  10009: "unavailable", // JSClusterNotLeaderErr
  10023: "unavailable", // JSInsufficientResourcesErr
  10028: "unavailable", // JSMemoryResourcesExceededErr
  10039: "no_stream", // JSNotEnabledForAccountErr
  10047: "unavailable", // JSStorageResourcesExceededErr
  10054: "too_large", // JSStreamMessageExceedsMaximumErr
  10059: "no_stream", // JSStreamNotFoundErr
  10060: "wrong_stream", // JSStreamNotMatchErr
  10076: "no_stream", // JSNotEnabledErr
  10077: "full", // JSStreamStoreFailedF: maximum messages or bytes exceeded
  10097: "too_large", // JSStreamHeaderExceedsMaximumErr
  10118: "unavailable", // JSStreamOfflineErr
  10158: "unavailable", // JSStreamDuplicateMessageConflict: a copy is on its way through the cluster
  10167: "unavailable", // JSStreamTooManyRequests: 2.11 and later bound what waits at a stream
};

const NO_RESPONDERS = 503;

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

/** Reads a PubAck; null is "no answer in time". Never throws: an answer that makes no sense is `refused`. */
export function readPubAck(reply: Msg | null): PubAckResult {
  if (reply === null) return { stored: false, failure: "timeout", detail: "no PubAck in time" };
  if (reply.data.length === 0 && reply.headers?.code === NO_RESPONDERS) {
    return { stored: false, failure: "no_stream", detail: "no stream listens on the subject" };
  }
  let ack: Readonly<Record<string, unknown>>;
  try {
    ack = asRecord(reply.json());
  } catch {
    return { stored: false, failure: "refused", detail: "the PubAck is not JSON" };
  }
  if (ack.error !== undefined) return readError(asRecord(ack.error));
  if (typeof ack.seq !== "number") return { stored: false, failure: "refused", detail: "the PubAck has no sequence" };
  // Clusters before 10158 existed call a copy of a message "duplicate" that has no quorum yet, and may never have.
  if (ack.seq < 1) return { stored: false, failure: "unavailable", detail: "a copy is on its way through the cluster" };
  return { stored: true, sequence: ack.seq, duplicate: ack.duplicate === true };
}

function readError(error: Readonly<Record<string, unknown>>): PubAckResult {
  const code = typeof error.err_code === "number" ? error.err_code : 0;
  return { stored: false, failure: FAILURES[code] ?? "refused", detail: `${String(error.description)} (${code})` };
}
