import type { Kind, Protocol } from "../message.ts";
import { quoted, Refusal } from "../refusal.ts";
import { decodeBase64 } from "./base64.ts";
import { isJsonObject, type JsonDocument, type JsonObject, readJson, type Shape, shape } from "./json.ts";
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

/**
 * Check 5 for a document of the kind. `auto`: the document's own protocol says whether it is a reply; what names neither is
 * held to be a request, and refused.
 */
export function readSecure(
  bytes: Uint8Array,
  { protocol, kind, maxDepth }: SecureSource,
): SecureRequest | SecureReply | Refusal {
  const isReply = (root: unknown) => (kind === "auto" ? saysReply(root, protocol) : kind === "reply");
  const fields = (root: unknown) => (isReply(root) ? REPLY : REQUEST)[protocol];
  const text = decodeUtf8(bytes);
  if (text === null) return new Refusal("bad_secure", "the secure document is not valid UTF-8");
  const document = readJson(text, fields, maxDepth);
  if (document === "depth") return new Refusal("too_deep", `the secure document is nested deeper than ${maxDepth}`);
  if (typeof document === "string") return new Refusal("bad_secure", "the secure document is not a JSON object");
  const wantsReply = isReply(document.root);
  const refusal = protocolRefusal(
    document.root["protocol"],
    (wantsReply ? REPLY_PROTOCOL : REQUEST_PROTOCOL)[protocol],
  );
  if (refusal !== null) return refusal;
  return wantsReply ? secureReply(document, protocol) : secureRequest(document, protocol);
}

export interface SecureSource {
  readonly protocol: Protocol;
  readonly kind: Kind | "auto";
  readonly maxDepth: number;
}

function saysReply(root: unknown, protocol: Protocol): boolean {
  return isJsonObject(root) && root["protocol"] === REPLY_PROTOCOL[protocol];
}

function protocolRefusal(protocol: unknown, expected: string): Refusal | null {
  if (typeof protocol !== "string") return new Refusal("bad_secure", "the secure document has no protocol");
  if (protocol === expected) return null;
  return new Refusal("protocol_mismatch", `the secure document is ${quoted(protocol)}, expected "${expected}"`);
}

function secureRequest({ root, ambiguousKey }: JsonDocument, protocol: Protocol): SecureRequest | Refusal {
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

function secureReply({ root, ambiguousKey }: JsonDocument, protocol: Protocol): SecureReply | Refusal {
  const signed = signedBytes(root, protocol, "reply");
  const { hash } = root;
  const { signature = "", sender = "" } = protocol === "v1" ? {} : root;
  if (signed === null) return new Refusal("bad_secure", "the reply is missing, empty or badly encoded");
  if (!isFilled(hash)) return new Refusal("bad_secure", "hash is missing or empty");
  if (typeof signature !== "string") return new Refusal("bad_secure", "signature is not a string");
  if (typeof sender !== "string") return new Refusal("bad_secure", "sender is not a string");
  return { signed, hash, signature, sender, ambiguousKey };
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
