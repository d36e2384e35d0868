/**
 * What validation says about a Choria message. Proof is kept per field: a signed request proves its caller, and its
 * sender only where the sender is bound to the credential (registration, signed v2 replies).
 */

export type Protocol = "v1" | "v2";

/** What the receiver takes the subject to carry; nothing in the outer message says so. */
export type Kind = "registration" | "request" | "reply";

/** What a message was found to be. */
export type MessageKind = Kind | "event" | "submission" | "raw";

/** What an ingest may be told that its subject carries; `auto` takes the protocol's messages for what they say they are. */
export type IngestKind = MessageKind | "auto";

/**
 * How strong the evidence is: a signature over the whole message, a signature over the payload alone (submissions), an
 * unkeyed checksum, or nothing (explicit opt-in only).
 */
export type Proof = "signature" | "payload" | "hash" | "none";

/** What a message came with on the wire. */
export interface Wire {
  readonly subject: string;
  readonly data: Uint8Array;
  /** Nothing proves them. */
  headers(): readonly (readonly [name: string, value: string])[];
  /**
   * Unique to this arrival and the same when it is delivered again: the message id of what has no better one (two equal
   * readings of a sensor are two messages).
   */
  readonly arrivalId: string;
}

/** Unix milliseconds. */
export interface Moment {
  /** When the message was received, or stored by the source stream: its age and credentials are judged by this. */
  readonly receivedAtMs: number;
  /** What revocation is judged by. */
  readonly nowMs: number;
}

/** The reason codes of a refusal, in the order in which the checks run. Used as metric label; listed in docs/errors.md. */
export const REJECTION_CODES = [
  "too_large",
  "bad_utf8",
  "bad_json",
  "too_deep",
  "unknown_protocol",
  "protocol_not_enabled",
  "bad_transport",
  "bad_data_encoding",
  "bad_secure",
  "protocol_mismatch",
  "insecure_signature",
  "bad_message",
  "ambiguous_key",
  "requestid_invalid",
  "sender_invalid",
  "agent_invalid",
  "caller_invalid",
  "bad_pubcert",
  "untrusted_cert",
  "cert_expired",
  "cert_not_yet_valid",
  "cert_usage",
  "cert_revoked",
  "unsupported_key",
  "token_malformed",
  "token_alg",
  "token_purpose",
  "token_unknown_issuer",
  "token_signature",
  "token_chain_invalid",
  "token_expired",
  "token_not_yet_valid",
  "issuer_expired",
  "denied",
  "token_no_public_key",
  "token_permission",
  "delegation_required",
  "caller_mismatch",
  "sender_mismatch",
  "not_allowed",
  "collective_not_allowed",
  "bad_signature_encoding",
  "signature_invalid",
  "hash_mismatch",
  "reply_unsigned",
  "ttl_out_of_range",
  "ttl_expired",
  "future_time",
  "bad_event",
  "bad_submission",
  "submission_unsigned",
  "not_accepted",
] as const;

export type RejectionCode = (typeof REJECTION_CODES)[number];

/** A refusal. `detail` is for people (never holds a token, key or payload); `code` is for programs. */
export interface Rejection {
  readonly code: RejectionCode;
  readonly detail: string;
}

/** Only `validate` makes one: the brand keeps unchecked data out of the streams at compile time. */
declare const validated: unique symbol;

export interface ValidatedMessage {
  readonly [validated]: true;
  /** `none`: no message of Choria's protocol, but an event, a submission or anything else. */
  readonly protocol: Protocol | "none";
  readonly kind: MessageKind;
  /** `ok`, or the named opt-in under which an unproven message was let in. */
  readonly code: "ok" | "insecure_registration";
  /** What proves the signed (or hashed) bytes. */
  readonly proof: Proof;
  /** What proves `sender`. "none": the name is self-declared and must not be used as an identity. */
  readonly senderProof: "signature" | "none";
  readonly sender: string;
  /** Empty for replies, which carry no caller. */
  readonly caller: string;
  readonly agent: string;
  /** Empty for replies, which carry no collective. */
  readonly collective: string;
  readonly requestId: string;
  /** Seconds; 0 for replies, which carry none. */
  readonly ttlSeconds: number;
  /** The sender's clock, nanoseconds since 1970. */
  readonly timeNs: bigint;
  /** A string when the payload is valid UTF-8 (v1 always is), the bytes when it is not. */
  readonly payload: string | Uint8Array;
  /**
   * Choose it as `Nats-Msg-Id`: SHA-256, lower hex, over kind, proof and exactly the signed (or hashed) bytes. Of a message
   * that repeats itself byte for byte (an alive event) or has nothing to be told by, its arrival id.
   */
  readonly messageId: string;
  /** What else is stored with it: an event's type, a submission's headers under names of their own. */
  readonly headers: readonly (readonly [name: string, value: string])[];
}

export type Verdict =
  | { readonly ok: true; readonly message: ValidatedMessage }
  | { readonly ok: false; readonly rejection: Rejection };
