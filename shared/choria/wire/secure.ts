import type { Protocol } from "../message.ts";
import { quoted, Refusal } from "../refusal.ts";
import { decodeBase64 } from "./base64.ts";
import { type JsonDocument, type JsonObject, readJson, type Shape, shape } from "./json.ts";
import { decodeUtf8 } from "./utf8.ts";

/** The layer with the proof. `signed` is exactly what the signature or hash covers. */
export interface SecureRequest {
  readonly signed: Buffer;
  readonly signature: string;
  /** v1: the certificates (PEM). v2: the caller's token. */
  readonly credential: string;
  /** v2: token of the delegator that signed; empty when the caller signed. */
  readonly signer: string;
  readonly ambiguousKey: string | null;
}

export interface SecureReply {
  readonly signed: Buffer;
  readonly hash: string;
  /** v2, signed replies: empty strings when unsigned. */
  readonly signature: string;
  readonly sender: string;
  readonly ambiguousKey: string | null;
}

const REQUEST_PROTOCOL = { v1: "choria:secure:request:1", v2: "io.choria.protocol.v2.secure_request" };
const REPLY_PROTOCOL = { v1: "choria:secure:reply:1", v2: "io.choria.protocol.v2.secure_reply" };

const REQUEST: Readonly<Record<Protocol, Shape>> = {
  v1: shape("protocol", "message", "signature", "pubcert"),
  v2: shape("protocol", "request", "signature", "caller", "signer"),
};
const REPLY: Readonly<Record<Protocol, Shape>> = {
  v1: shape("protocol", "message", "hash"),
  v2: shape("protocol", "reply", "hash", "signature", "sender"),
};

/** Check 5 for requests. */
export function readSecureRequest(bytes: Uint8Array, protocol: Protocol, maxDepth: number): SecureRequest | Refusal {
  const document = readSecure({ bytes, maxDepth, fields: REQUEST[protocol], expected: REQUEST_PROTOCOL[protocol] });
  if (document instanceof Refusal) return document;
  const { root, ambiguousKey } = document;
  const signed = signedBytes(root, protocol, "request");
  const { signature } = root;
  const credential = root[protocol === "v1" ? "pubcert" : "caller"];
  const signer = protocol === "v1" ? "" : (root["signer"] ?? "");
  if (signed === null) return new Refusal("bad_secure", "the request is missing, empty or badly encoded");
  if (!isFilled(signature)) return new Refusal("bad_secure", "signature is missing or empty");
  if (!isFilled(credential)) return new Refusal("bad_secure", "the certificate or token is missing or empty");
  if (typeof signer !== "string" || root["signer"] === null) return new Refusal("bad_secure", "signer is not a string");
  return { signed, signature, credential, signer, ambiguousKey };
}

/** Check 5 for replies. */
export function readSecureReply(bytes: Uint8Array, protocol: Protocol, maxDepth: number): SecureReply | Refusal {
  const document = readSecure({ bytes, maxDepth, fields: REPLY[protocol], expected: REPLY_PROTOCOL[protocol] });
  if (document instanceof Refusal) return document;
  const { root, ambiguousKey } = document;
  const signed = signedBytes(root, protocol, "reply");
  const { hash } = root;
  const { signature = "", sender = "" } = protocol === "v1" ? {} : root;
  if (signed === null) return new Refusal("bad_secure", "the reply is missing, empty or badly encoded");
  if (!isFilled(hash)) return new Refusal("bad_secure", "hash is missing or empty");
  if (typeof signature !== "string") return new Refusal("bad_secure", "signature is not a string");
  if (typeof sender !== "string") return new Refusal("bad_secure", "sender is not a string");
  return { signed, hash, signature, sender, ambiguousKey };
}

interface SecureSource {
  readonly bytes: Uint8Array;
  readonly maxDepth: number;
  readonly fields: Shape;
  readonly expected: string;
}

function readSecure({ bytes, maxDepth, fields, expected }: SecureSource): JsonDocument | Refusal {
  const text = decodeUtf8(bytes);
  if (text === null) return new Refusal("bad_secure", "the secure document is not valid UTF-8");
  const document = readJson(text, fields, maxDepth);
  if (document === "depth") return new Refusal("too_deep", `the secure document is nested deeper than ${maxDepth}`);
  if (typeof document === "string") return new Refusal("bad_secure", "the secure document is not a JSON object");
  const { protocol } = document.root;
  if (typeof protocol !== "string") return new Refusal("bad_secure", "the secure document has no protocol");
  if (protocol === expected) return document;
  return new Refusal("protocol_mismatch", `the secure document is ${quoted(protocol)}, expected "${expected}"`);
}

function isFilled(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

/** v1 signs the UTF-8 of a JSON string (a lone surrogate becomes U+FFFD, as in Go), v2 the bytes behind base64. */
function signedBytes(root: JsonObject, protocol: Protocol, v2Field: "request" | "reply"): Buffer | null {
  const carried = root[protocol === "v1" ? "message" : v2Field];
  if (!isFilled(carried)) return null;
  return protocol === "v1" ? Buffer.from(carried, "utf8") : decodeBase64(carried);
}
