import { FOREIGN_KINDS } from "../accepted.ts";
import { judge } from "../judge.ts";
import { valuesOf } from "../kinds/sender-headers.ts";
import type { IngestKind, Kind, MessageKind, Verdict, Wire } from "../message.ts";
import type { Trust } from "../trust.ts";
import { isJsonObject, type JsonObject } from "../wire/json.ts";
import { certificateLayer, tokenLayer } from "./credentials.ts";
import { type Layer, presentable } from "./presentable.ts";

export interface Explanation {
  /** What the message was judged as. */
  readonly kind: MessageKind;
  /** As far as it could be decoded, the outermost first. */
  readonly layers: readonly Layer[];
  readonly verdict: Verdict;
}

/** A message as it was recorded, away from its subscription. */
export type Recorded = Omit<Wire, "arrivalId">;

/** A recorded message of which only the bytes are known. */
export function bareMessage(data: Uint8Array, subject = "unknown"): Recorded {
  return { data, subject, headers: () => [] };
}

/**
 * Decodes a message layer by layer and judges it as of `nowMs` (Unix milliseconds). `auto` is one of Choria's protocol, its
 * kind taken from it. Never rejects.
 */
export async function explain(recorded: Recorded, kind: IngestKind, trust: Trust, nowMs: number): Promise<Explanation> {
  const wire = { ...recorded, arrivalId: "recorded" };
  const opened = open(recorded.data);
  const judgedAs = kind === "auto" ? guessKind(opened) : kind;
  const verdict = await judge(wire, judgedAs, trust, { receivedAtMs: nowMs, nowMs });
  const layers = FOREIGN_KINDS.has(judgedAs) ? foreignLayers(wire, trust) : layersOf(opened, trust);
  return { kind: judgedAs, layers, verdict };
}

/** What carries no layers of Choria's protocol: its headers are all there is beside it. */
function foreignLayers(wire: Wire, trust: Trust): readonly Layer[] {
  const { subject, data } = wire;
  const [token] = valuesOf(wire, "choria-token");
  const facts = { subject, bytes: data.byteLength, headers: wire.headers().map(([name]) => name) };
  const layers = [{ name: "message" as const, facts: presentable(facts) }, tokenLayer("token", token, trust)];
  return layers.filter((layer) => layer !== null);
}

/** The layers as they came, null from the first that cannot be decoded. Unlike validation this forgives what it can. */
interface Opened {
  readonly bytes: number;
  readonly transport: JsonObject | null;
  readonly secure: JsonObject | null;
  readonly inner: JsonObject | null;
}

function open(raw: Uint8Array): Opened {
  const transport = parseObject(raw);
  const secure = parseObject(decoded(transport?.["data"]));
  const v2 = secure?.["request"] ?? secure?.["reply"];
  const v1 = secure?.["message"];
  const inner = parseObject(typeof v1 === "string" ? Buffer.from(v1) : decoded(v2));
  return { bytes: raw.byteLength, transport, secure, inner };
}

function decoded(value: unknown): Uint8Array | null {
  return typeof value === "string" ? Buffer.from(value, "base64") : null;
}

function parseObject(bytes: Uint8Array | null): JsonObject | null {
  if (bytes === null) return null;
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString("utf8"));
    return isJsonObject(value) ? value : null;
  } catch {
    return null;
  }
}

function guessKind({ secure, inner }: Opened): Kind {
  const protocol = protocolOf(inner) || protocolOf(secure);
  if (/[:.]reply/.test(protocol) || protocol.endsWith("secure_reply")) return "reply";
  return envelopeOf(inner)?.["agent"] === "registration" ? "registration" : "request";
}

/** Empty for none that is a text. */
function protocolOf(document: JsonObject | null): string {
  const protocol = document?.["protocol"];
  return typeof protocol === "string" ? protocol : "";
}

function envelopeOf(inner: JsonObject | null): JsonObject | null {
  const envelope = inner?.["envelope"];
  return isJsonObject(envelope) ? envelope : inner;
}

function layersOf(opened: Opened, trust: Trust): readonly Layer[] {
  const { transport, secure, inner } = opened;
  const layers = [
    transport && transportLayer(transport, opened.bytes),
    secure && secureLayer(secure),
    inner && messageLayer(inner),
    secure && certificateLayer(secure["pubcert"], trust),
    secure && tokenLayer("token", secure["caller"] ?? secure["sender"], trust),
    secure && tokenLayer("delegator", secure["signer"], trust),
  ];
  return layers.filter((layer) => layer !== null);
}

function transportLayer(transport: JsonObject, bytes: number): Layer {
  const headers = isJsonObject(transport["headers"]) ? transport["headers"] : {};
  const facts = {
    protocol: transport["protocol"],
    bytes,
    claimedSender: headers["mc_sender"] ?? headers["sender"],
    replyTo: headers["reply-to"] ?? headers["reply"],
    federated: isJsonObject(headers["federation"]) || undefined,
  };
  return { name: "transport", facts: presentable(facts) };
}

function secureLayer(secure: JsonObject): Layer {
  const carries = ["signature", "hash", "pubcert", "caller", "signer", "sender"].filter((field) => {
    return typeof secure[field] === "string" && secure[field] !== "";
  });
  return { name: "secure", facts: presentable({ protocol: secure["protocol"], carries }) };
}

function messageLayer(inner: JsonObject): Layer {
  const envelope = envelopeOf(inner) ?? {};
  const facts = {
    protocol: inner["protocol"],
    sender: envelope["senderid"] ?? envelope["sender"],
    caller: envelope["callerid"] ?? envelope["caller"],
    agent: envelope["agent"],
    collective: envelope["collective"],
    requestId: envelope["requestid"] ?? envelope["id"] ?? envelope["request"],
    ttlSeconds: envelope["ttl"],
    time: senderTime(inner, envelope["time"]),
    payloadCharacters: typeof inner["message"] === "string" ? inner["message"].length : undefined,
  };
  return { name: "message", facts: presentable(facts) };
}

/** v1 counts seconds, v2 nanoseconds; milliseconds will do for reading. */
function senderTime(inner: JsonObject, time: unknown): string | undefined {
  if (typeof time !== "number") return undefined;
  const isV1 = protocolOf(inner).startsWith("choria:");
  const moment = new Date(isV1 ? time * 1_000 : time / 1_000_000);
  return Number.isNaN(moment.getTime()) ? `${time} (no time)` : moment.toISOString();
}
