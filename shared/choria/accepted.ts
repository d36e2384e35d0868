import { hash } from "node:crypto";
import type { Kind, Proof, Protocol, ValidatedMessage } from "./message.ts";
import type { Inner } from "./wire/inner.ts";

/** What the checks have established about a message. */
export interface Evidence {
  readonly protocol: Protocol;
  readonly kind: Kind;
  readonly proof: Proof;
  readonly senderProof: "signature" | "none";
  readonly code: ValidatedMessage["code"];
  /** Exactly the bytes under the signature or hash. */
  readonly signed: Uint8Array;
}

/** The only maker of validated messages: call it when every check has passed. */
export function accepted(inner: Inner, evidence: Evidence): ValidatedMessage {
  const { protocol, kind, proof, senderProof, code, signed } = evidence;
  return {
    protocol,
    kind,
    code,
    proof,
    senderProof,
    sender: inner.sender,
    caller: inner.caller,
    agent: inner.agent,
    collective: inner.collective,
    requestId: inner.requestId,
    ttlSeconds: Number(inner.ttlSeconds),
    timeNs: inner.timeNs,
    payload: inner.payload,
    messageId: messageId(kind, proof, signed),
    headers: NO_HEADERS,
  } as ValidatedMessage;
}

/**
 * SHA-256 over kind, proof and the signed bytes, separated by NUL. Whatever a relay can change without breaking the proof
 * (certificate, token, signature, whitespace, headers) is outside; a copy stripped to a weaker proof gets another id, so
 * it cannot take the place of the genuine message.
 */
function messageId(kind: Kind, proof: Proof, signed: Uint8Array): string {
  return hash("sha256", Buffer.concat([PREFIXES[kind][proof], signed]), "hex");
}

const NO_HEADERS: ValidatedMessage["headers"] = [];

/** Made once: this runs for every message. */
const PREFIXES = {
  registration: prefixes("registration"),
  request: prefixes("request"),
  reply: prefixes("reply"),
};

function prefixes(kind: Kind): Readonly<Record<Proof, Buffer>> {
  const prefix = (proof: Proof) => Buffer.from(`${kind}\0${proof}\0`);
  return { signature: prefix("signature"), payload: prefix("payload"), hash: prefix("hash"), none: prefix("none") };
}
