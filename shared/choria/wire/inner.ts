import type { Protocol } from "../message.ts";
import { quoted, Refusal } from "../refusal.ts";
import { isRepresentable } from "../rfc3339.ts";
import { decodeBase64 } from "./base64.ts";
import { FILTER, filterFault } from "./filter.ts";
import { int64 } from "./integer.ts";
import { isJsonObject, type JsonDocument, type JsonObject, readJson, type Shape, shape } from "./json.ts";
import { decodeUtf8, textOrBytes } from "./utf8.ts";

/** A request or reply, both protocols alike. Replies have no caller and collective (empty) and no ttl (0). */
export interface Inner {
  readonly requestId: string;
  readonly sender: string;
  readonly caller: string;
  readonly collective: string;
  readonly agent: string;
  readonly ttlSeconds: bigint;
  readonly timeNs: bigint;
  readonly payload: string | Uint8Array;
  readonly ambiguousKey: string | null;
}

/** Where a document keeps its fields: v1 in an envelope, v2 flat and under other names. */
interface Layout {
  readonly protocol: string;
  readonly fields: Shape;
  readonly enveloped: boolean;
  readonly requestId: string;
  readonly sender: string;
  /** Null for replies. */
  readonly caller: string | null;
  readonly timeUnitNs: bigint;
  readonly filterRequired: boolean;
}

const V1_REQUEST_ENVELOPE = shape(...["requestid", "senderid", "callerid", "collective", "agent", "ttl", "time"], [
  "filter",
  FILTER,
]);
const V1_REPLY_ENVELOPE = shape("requestid", "senderid", "agent", "time");
const V1_FIELDS = { enveloped: true, requestId: "requestid", sender: "senderid", timeUnitNs: 1_000_000_000n };
const V2_FIELDS = { enveloped: false, sender: "sender", timeUnitNs: 1n, filterRequired: false };

const REQUEST: Readonly<Record<Protocol, Layout>> = {
  v1: {
    ...V1_FIELDS,
    protocol: "choria:request:1",
    fields: shape("protocol", "message", ["envelope", V1_REQUEST_ENVELOPE]),
    caller: "callerid",
    filterRequired: true,
  },
  v2: {
    ...V2_FIELDS,
    protocol: "io.choria.protocol.v2.request",
    fields: shape(...["protocol", "message", "id", "sender", "caller", "collective", "agent", "ttl", "time"], [
      "filter",
      FILTER,
    ]),
    requestId: "id",
    caller: "caller",
  },
};

const REPLY: Readonly<Record<Protocol, Layout>> = {
  v1: {
    ...V1_FIELDS,
    protocol: "choria:reply:1",
    fields: shape("protocol", "message", ["envelope", V1_REPLY_ENVELOPE]),
    caller: null,
    filterRequired: false,
  },
  v2: {
    ...V2_FIELDS,
    protocol: "io.choria.protocol.v2.reply",
    fields: shape("protocol", "message", "request", "sender", "agent", "time"),
    requestId: "request",
    caller: null,
  },
};

/** Check 7 for requests: JSON, protocol, the types and required fields of go-choria's schema. */
export function readRequest(signed: Uint8Array, protocol: Protocol, maxDepth: number): Inner | Refusal {
  return readInner(signed, REQUEST[protocol], maxDepth);
}

/** Check 7 for replies, which go-choria holds to no schema: here every field is required. */
export function readReply(signed: Uint8Array, protocol: Protocol, maxDepth: number): Inner | Refusal {
  return readInner(signed, REPLY[protocol], maxDepth);
}

function readInner(signed: Uint8Array, layout: Layout, maxDepth: number): Inner | Refusal {
  const document = readDocument(signed, layout, maxDepth);
  if (document instanceof Refusal) return document;
  const envelope = layout.enveloped ? document.root["envelope"] : document.root;
  if (!isJsonObject(envelope)) return bad("envelope is not an object");
  const payload = readPayload(document.root["message"], layout);
  if (payload === null) return bad("the payload is missing, empty or badly encoded");
  const fields = layout.caller === null ? {} : readRequestFields(envelope, layout.caller, document.digits);
  if (fields instanceof Refusal) return fields;
  const fault = layout.caller === null ? null : readFilterFault(envelope["filter"], layout);
  if (fault !== null) return bad(fault);
  return readCommonFields(document, envelope, layout, { ...NO_REQUEST_FIELDS, ...fields, payload });
}

function readDocument(signed: Uint8Array, layout: Layout, maxDepth: number): JsonDocument | Refusal {
  const text = decodeUtf8(signed);
  if (text === null) return bad("the innermost document is not valid UTF-8");
  const document = readJson(text, layout.fields, maxDepth);
  if (document === "depth") return new Refusal("too_deep", `the innermost document is nested deeper than ${maxDepth}`);
  if (typeof document === "string") return bad("the innermost document is not a JSON object");
  const { protocol } = document.root;
  if (typeof protocol !== "string") return bad("the innermost document has no protocol");
  if (protocol === layout.protocol) return document;
  return new Refusal("protocol_mismatch", `the document is ${quoted(protocol)}, expected "${layout.protocol}"`);
}

/** v1 payloads are text (a lone surrogate becomes U+FFFD, as in Go), v2 payloads are bytes behind base64. */
function readPayload(message: unknown, layout: Layout): string | Uint8Array | null {
  if (typeof message !== "string" || (message === "" && layout.caller !== null)) return null;
  if (layout.enveloped) return message.toWellFormed();
  const bytes = decodeBase64(message);
  return bytes === null ? null : textOrBytes(bytes);
}

interface RequestFields {
  readonly caller: string;
  readonly collective: string;
  readonly ttlSeconds: bigint;
}

const NO_REQUEST_FIELDS: RequestFields = { caller: "", collective: "", ttlSeconds: 0n };

function readRequestFields(
  envelope: JsonObject,
  callerField: string,
  digits: ReadonlyMap<string, string>,
): RequestFields | Refusal {
  const caller = envelope[callerField];
  const { collective } = envelope;
  const ttlSeconds = int64(digits.get("ttl"));
  if (typeof caller !== "string") return bad(`${callerField} is missing or no string`);
  if (typeof collective !== "string") return bad("collective is missing or no string");
  if (ttlSeconds === null) return bad("ttl is missing or no integer");
  return { caller: caller.toWellFormed(), collective, ttlSeconds };
}

function readFilterFault(filter: unknown, layout: Layout): string | null {
  return filter === undefined && !layout.filterRequired ? null : filterFault(filter);
}

function readCommonFields(
  document: JsonDocument,
  envelope: JsonObject,
  layout: Layout,
  rest: RequestFields & { readonly payload: string | Uint8Array },
): Inner | Refusal {
  const requestId = envelope[layout.requestId];
  const sender = envelope[layout.sender];
  const { agent } = envelope;
  const time = int64(document.digits.get("time"));
  if (typeof requestId !== "string") return bad(`${layout.requestId} is missing or no string`);
  if (typeof sender !== "string") return bad(`${layout.sender} is missing or no string`);
  if (typeof agent !== "string") return bad("agent is missing or no string");
  if (time === null) return bad("time is missing or no integer");
  const timeNs = time * layout.timeUnitNs;
  // Requests are held to their ttl; for replies, without any age rule, this keeps the time printable.
  if (layout.caller === null && !isRepresentable(timeNs)) return bad("time is outside the years 0 to 9999");
  return { ...rest, requestId, sender, agent, timeNs, ambiguousKey: document.ambiguousKey };
}

function bad(detail: string): Refusal {
  return new Refusal("bad_message", detail);
}
