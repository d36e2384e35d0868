import type { Protocol } from "../message.ts";
import { quoted, Refusal } from "../refusal.ts";
import { decodeBase64 } from "./base64.ts";
import { isJsonObject, type JsonDocument, type JsonFault, readJson, shape } from "./json.ts";
import { decodeUtf8 } from "./utf8.ts";

export interface Limits {
  readonly maxBytes: number;
  readonly maxDepth: number;
}

/** The outermost document, opened. Its headers are outside every proof and are dropped here. */
export interface Transport {
  readonly protocol: Protocol;
  readonly secure: Buffer;
  readonly ambiguousKey: string | null;
}

const PROTOCOLS: ReadonlyMap<unknown, Protocol> = new Map([
  ["choria:transport:1", "v1"],
  ["io.choria.protocol.v2.transport", "v2"],
]);

const FEDERATION = shape("req", "request", "reply-to", "reply", "target", "targets");
const HEADERS = shape("mc_sender", "reply-to", "seen-by", "reply", "sender", "trace", ["federation", FEDERATION]);
const TRANSPORT = shape("protocol", "data", ["headers", HEADERS]);

/** Checks 1 to 4: size, UTF-8, JSON, protocol, types, base64. */
export function readTransport(
  raw: Uint8Array,
  limits: Limits,
  enabled: Readonly<Record<Protocol, boolean>>,
): Transport | Refusal {
  const document = readOutermost(raw, limits);
  if (document instanceof Refusal) return document;
  const protocol = PROTOCOLS.get(document.root["protocol"]);
  if (protocol === undefined) return unknownProtocol(document.root["protocol"]);
  if (!enabled[protocol]) return new Refusal("protocol_not_enabled", `protocol ${protocol} has no trust configured`);
  return openTransport(document, protocol);
}

/** Check 1, of whatever kind the message is. */
export function sizeRefusal({ byteLength }: Uint8Array, { maxBytes }: Limits): Refusal | null {
  return byteLength <= maxBytes ? null : new Refusal("too_large", `${byteLength} bytes, the limit is ${maxBytes}`);
}

function readOutermost(raw: Uint8Array, limits: Limits): JsonDocument | Refusal {
  const refusal = sizeRefusal(raw, limits);
  if (refusal !== null) return refusal;
  const text = decodeUtf8(raw);
  if (text === null) return new Refusal("bad_utf8", "the message is not valid UTF-8");
  const document = readJson(text, TRANSPORT, limits.maxDepth);
  return typeof document === "string" ? outermostFault(document, limits) : document;
}

function outermostFault(fault: JsonFault, limits: Limits): Refusal {
  switch (fault) {
    case "syntax":
      return new Refusal("bad_json", "the message is not JSON");
    case "depth":
      return new Refusal("too_deep", `the message is nested deeper than ${limits.maxDepth}`);
    case "not an object":
      return new Refusal("unknown_protocol", "the message is JSON, but not an object: no Choria transport");
  }
}

function unknownProtocol(protocol: unknown): Refusal {
  const found = typeof protocol === "string" ? quoted(protocol) : "missing";
  return new Refusal("unknown_protocol", `the outer protocol is ${found}: no Choria transport`);
}

function openTransport(document: JsonDocument, protocol: Protocol): Transport | Refusal {
  const { headers, data } = document.root;
  // go-choria dies of a nil pointer without headers.
  if (!isJsonObject(headers)) return new Refusal("bad_transport", "headers is not an object");
  if (typeof data !== "string") return new Refusal("bad_transport", "data is not a string");
  const secure = decodeBase64(data);
  if (secure === null) return new Refusal("bad_data_encoding", "data is not canonical base64");
  return { protocol, secure, ambiguousKey: document.ambiguousKey };
}
