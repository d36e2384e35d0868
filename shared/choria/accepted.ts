import { hash } from "node:crypto";
import type { IngestKind, Kind, MessageKind, Proof, Protocol, ValidatedMessage } from "./message.ts";
import type { Inner } from "./wire/inner.ts";
import { decodeUtf8 } from "./wire/utf8.ts";

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

/** Makes a validated message of Choria's protocol: call it when every check has passed. */
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

/** What was established about a message that is none of Choria's protocol. */
export interface ForeignFacts {
  readonly kind: ForeignKind;
  readonly proof: "payload" | "none";
  readonly senderProof: "signature" | "none";
  readonly sender: string;
  readonly agent: string;
  readonly requestId: string;
  readonly payload: Uint8Array;
  readonly messageId: string;
  readonly headers: ValidatedMessage["headers"];
  /** Unix milliseconds: nothing proves a time of the sender's, so that of the arrival counts. */
  readonly receivedAtMs: number;
}

export type ForeignKind = Exclude<MessageKind, Kind>;

/** The kinds outside Choria's protocol, which are given the time of their arrival. */
export const FOREIGN_KINDS: ReadonlySet<IngestKind> = new Set<ForeignKind>(["event", "submission", "raw"]);

/** As `accepted`, for the kinds outside Choria's protocol. */
export function acceptedForeign({ receivedAtMs, payload, ...facts }: ForeignFacts): ValidatedMessage {
  return {
    ...facts,
    protocol: "none",
    code: "ok",
    caller: "",
    collective: "",
    ttlSeconds: 0,
    timeNs: BigInt(Math.trunc(receivedAtMs)) * 1_000_000n,
    // A copy: what arrived is a view into what the socket read, 64 kB that would be kept alive and not counted.
    payload: decodeUtf8(payload) ?? Uint8Array.from(payload),
  } as ValidatedMessage;
}

/** SHA-256 over kind, proof and the parts, separated by NUL; only the last part may hold one. */
export function foreignId(kind: ForeignKind, proof: Proof, ...parts: readonly (string | Uint8Array)[]): string {
  const separated = [kind, proof, ...parts].flatMap((part, at) => (at === 0 ? [part] : ["\0", part]));
  return hash("sha256", Buffer.concat(separated.map((part) => Buffer.from(part))), "hex");
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
