import type { Specimen } from "./specimens.ts";

/** A message of Choria's protocol, opened without the code under test, and closed again. */

export type Fields = Record<string, unknown>;

/** The layers in the order in which they lie inside each other. */
export interface Layers {
  transport: Fields;
  secure: Fields;
  /** The bytes under the signature or hash. */
  signed: Buffer;
  /** Where the secure document keeps them, and how. */
  readonly place: Place;
}

interface Place {
  readonly field: "message" | "request" | "reply";
  readonly encoding: "utf8" | "base64";
}

export function parseObject(bytes: Uint8Array): Fields | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString("utf8"));
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : null;
  } catch {
    return null;
  }
}

/** Null for what is no message of Choria's protocol. As lenient as JSON.parse and Buffer.from are. */
export function openLayers(data: Uint8Array): Layers | null {
  const transport = parseObject(data);
  const carried = transport?.["data"];
  const secure = typeof carried === "string" ? parseObject(Buffer.from(carried, "base64")) : null;
  if (transport === null || secure === null) return null;
  const place = placeOf(secure);
  const text = place === null ? undefined : secure[place.field];
  if (place === null || typeof text !== "string") return null;
  return { transport, secure, signed: Buffer.from(text, place.encoding), place };
}

function placeOf(secure: Fields): Place | null {
  if (String(secure["protocol"]).startsWith("choria:")) return { field: "message", encoding: "utf8" };
  const field = typeof secure["request"] === "string" ? "request" : "reply";
  return typeof secure[field] === "string" ? { field, encoding: "base64" } : null;
}

const opened = new Map<Specimen, Layers | null>();

/** Layers of a specimen that may be changed: the documents are copies. */
export function layersOf(specimen: Specimen): Layers | null {
  let layers = opened.get(specimen);
  if (layers === undefined) {
    layers = openLayers(specimen.data);
    opened.set(specimen, layers);
  }
  return layers === null ? null : { ...layers, transport: { ...layers.transport }, secure: { ...layers.secure } };
}

/** What an inner document says, in one form for both protocols; null when it is none. */
export function factsOf(signed: Uint8Array): Readonly<Record<string, unknown>> | null {
  const inner = parseObject(signed);
  if (inner === null) return null;
  const isV1 = String(inner["protocol"]).startsWith("choria:");
  const envelope = (isV1 ? inner["envelope"] : inner) as Fields | undefined;
  const message = inner["message"];
  if (typeof envelope !== "object" || envelope === null || typeof message !== "string") return null;
  const payload = Buffer.from(message, isV1 ? "utf8" : "base64");
  return {
    sender: envelope[isV1 ? "senderid" : "sender"],
    caller: envelope[isV1 ? "callerid" : "caller"] ?? "",
    agent: envelope["agent"],
    collective: envelope["collective"] ?? "",
    requestId: envelope["requestid"] ?? envelope["id"] ?? envelope["request"],
    ttlSeconds: envelope["ttl"] ?? 0,
    time: Number(envelope["time"]) * (isV1 ? 1e9 : 1),
    payload: payload.toString("base64"),
  };
}
