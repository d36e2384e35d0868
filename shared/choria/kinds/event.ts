import { acceptedForeign, foreignId } from "../accepted.ts";
import type { Moment, ValidatedMessage, Wire } from "../message.ts";
import { quoted, Refusal } from "../refusal.ts";
import { formatRfc3339, isRepresentable, parseRfc3339 } from "../rfc3339.ts";
import { ambiguityRefusal } from "../rules/checks.ts";
import { isHeaderSafe } from "../rules/fields.ts";
import { isJsonObject, type JsonDocument, type JsonObject, readJson, shape } from "../wire/json.ts";
import { type Limits, sizeRefusal } from "../wire/transport.ts";
import { decodeUtf8 } from "../wire/utf8.ts";
import { identityRefusal, subjectRefusal } from "./wire-checks.ts";

/**
 * Lifecycle and machine events (go-choria lifecycle/, aagent/): CloudEvents 1.0, and lifecycle events in the older form that
 * is a CloudEvent's `data` alone. Nobody signs them.
 */

const FACTS = ["protocol", "id", "identity", "component", "machine", "timestamp"];
const DATA = shape(...FACTS);
const EVENT = shape(...FACTS, "specversion", "source", "type", "subject", "time", ["data", DATA]);

const LIFECYCLE_TYPE = /^io\.choria\.lifecycle\.v\d+\.[a-z_]+$/;
const MACHINE_TYPE = /^io\.choria\.machine\.[A-Za-z0-9_.-]+$/;
/** Nodes before CloudEvents; Go reads it as the type of the same name. */
const OLD_PROTOCOL = /^choria:lifecycle:([a-z_]+):1$/;
/** Made once and sent every half hour: id and time are those of the process's start (server/lifecycle.go). */
const ALIVE = /^io\.choria\.lifecycle\.v\d+\.alive$/;

interface EventFacts {
  readonly type: string;
  /** Empty when the event has none. */
  readonly id: string;
  readonly sender: string;
  /** The component that a lifecycle event is about, the machine of a machine event. */
  readonly agent: string;
  /** By the sender's clock, nanoseconds; null when the event does not say. */
  readonly timeNs: bigint | null;
}

export function judgeEvent(wire: Wire, limits: Limits, { receivedAtMs }: Moment): ValidatedMessage | Refusal {
  const document = readEventDocument(wire, limits);
  if (document instanceof Refusal) return document;
  const facts = isCloudEvent(document.root) ? cloudEventFacts(document.root) : legacyFacts(document.root);
  if (typeof facts === "string") return new Refusal("bad_event", facts);
  const refusal = ambiguityRefusal(document) ?? factsRefusal(facts) ?? subjectRefusal(wire);
  if (refusal !== null) return refusal;
  const { id, sender, agent } = facts;
  const isRepeatable = id === "" || ALIVE.test(facts.type);
  return acceptedForeign({
    kind: "event",
    proof: "none",
    senderProof: "none",
    sender,
    agent,
    requestId: id,
    payload: wire.data,
    messageId: isRepeatable ? wire.arrivalId : foreignId("event", "none", wire.data),
    headers: eventHeaders(facts, wire.subject),
    receivedAtMs,
  });
}

function readEventDocument(wire: Wire, limits: Limits): JsonDocument | Refusal {
  const refusal = sizeRefusal(wire.data, limits);
  if (refusal !== null) return refusal;
  const text = decodeUtf8(wire.data);
  if (text === null) return new Refusal("bad_utf8", "the event is not valid UTF-8");
  const document = readJson(text, EVENT, limits.maxDepth);
  if (document === "syntax") return new Refusal("bad_json", "the event is not JSON");
  if (document === "depth") return new Refusal("too_deep", `the event is nested deeper than ${limits.maxDepth}`);
  return document === "not an object" ? new Refusal("bad_event", "the event is JSON, but not an object") : document;
}

function isCloudEvent(root: JsonObject): boolean {
  return root["specversion"] !== undefined;
}

/** The facts, or what is wrong. The outer fields and `data` say some things twice: both must say the same. */
function cloudEventFacts(root: JsonObject): EventFacts | string {
  const { specversion, source, type, subject, data, time } = root;
  if (specversion !== "1.0") return "specversion is not 1.0";
  const isLifecycle = source === "io.choria.lifecycle";
  if (!isLifecycle && source !== "io.choria.machine")
    return "source is neither io.choria.lifecycle nor io.choria.machine";
  if (typeof type !== "string" || !(isLifecycle ? LIFECYCLE_TYPE : MACHINE_TYPE).test(type)) {
    return "type is missing, or does not fit the source";
  }
  if (!isJsonObject(data)) return "data is not an object";
  if (data["protocol"] !== type) return "data.protocol is not the type";
  if (typeof subject !== "string" || data["identity"] !== subject) return "data.identity is not the subject";
  const id = textOr("", root["id"]);
  // A machine's data.id is the machine's.
  if (id === null || (isLifecycle && data["id"] !== root["id"])) return "id is no text, or data.id another";
  const agent = data[isLifecycle ? "component" : "machine"];
  if (typeof agent !== "string") return `data.${isLifecycle ? "component" : "machine"} is missing`;
  const timeNs = time === undefined ? null : readTime(time);
  if (timeNs === undefined) return "time is no RFC 3339 time";
  return { type, id, sender: subject, agent, timeNs };
}

/** A lifecycle event in the form before CloudEvents. */
function legacyFacts(root: JsonObject): EventFacts | string {
  const { protocol, identity, component, timestamp } = root;
  const type = typeof protocol === "string" ? protocol.replace(OLD_PROTOCOL, "io.choria.lifecycle.v1.$1") : "";
  if (!LIFECYCLE_TYPE.test(type)) return "it has neither a specversion nor the protocol of a lifecycle event";
  const id = textOr("", root["id"]);
  if (id === null) return "id is no text";
  if (typeof identity !== "string") return "identity is missing";
  if (typeof component !== "string") return "component is missing";
  const timeNs = timestamp === undefined ? null : readSeconds(timestamp);
  if (timeNs === undefined) return "timestamp is no time in seconds";
  return { type, id, sender: identity, agent: component, timeNs };
}

function textOr(absent: string, value: unknown): string | null {
  if (value === undefined) return absent;
  return typeof value === "string" ? value : null;
}

function readTime(value: unknown): bigint | undefined {
  return typeof value === "string" ? (parseRfc3339(value) ?? undefined) : undefined;
}

function readSeconds(value: unknown): bigint | undefined {
  if (!Number.isSafeInteger(value)) return undefined;
  const timeNs = BigInt(Number(value)) * 1_000_000_000n;
  return isRepresentable(timeNs) ? timeNs : undefined;
}

function factsRefusal({ sender, agent, id, type }: EventFacts): Refusal | null {
  const refusal = identityRefusal(sender);
  if (refusal !== null) return refusal;
  if (!isHeaderSafe(agent)) return new Refusal("agent_invalid", `${quoted(agent)} cannot stand in a header`);
  if (!isHeaderSafe(type)) return new Refusal("bad_event", `type ${quoted(type)} cannot stand in a header`);
  if (id === "" || isHeaderSafe(id)) return null;
  return new Refusal("bad_event", `id ${quoted(id)} cannot stand in a header`);
}

function eventHeaders({ type, id, timeNs }: EventFacts, subject: string): ValidatedMessage["headers"] {
  const headers: [string, string][] = [
    ["Choria-Subject", subject],
    ["Choria-Event-Type", type],
  ];
  if (id !== "") headers.push(["Choria-Event-Id", id]);
  if (timeNs !== null) headers.push(["Choria-Event-Time", formatRfc3339(timeNs)]);
  return headers;
}
