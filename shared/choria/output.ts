import type { ValidatedMessage } from "./message.ts";
import { formatRfc3339 } from "./rfc3339.ts";
import { decodeBase64 } from "./wire/base64.ts";
import { isJsonObject } from "./wire/json.ts";
import { decodeUtf8 } from "./wire/utf8.ts";

export type BodyForm = "envelope" | "payload";

/** What is stored for a message. Header values hold no control characters: validation sees to it. */
export interface AdapterOutput {
  readonly body: string | Uint8Array;
  readonly headers: readonly (readonly [string, string])[];
}

/** go-choria's name for its envelope, whatever the adapter is called (broker/adapter/streams). */
const OUTPUT_PROTOCOL = "choria:adapters:choria_streams:output:1";
/** Ours, for what is added to go-choria's fields; readers ignore what they do not know. */
const SCHEMA_VERSION = 1;

/** The message as stored: go-choria's adapter envelope or the bare payload, and headers that tell the rest. */
export function adapterOutput(message: ValidatedMessage, form: BodyForm): AdapterOutput {
  const time = formatRfc3339(message.timeNs);
  return { body: form === "payload" ? message.payload : envelope(message, time), headers: headers(message, time) };
}

function envelope({ payload, sender, requestId }: ValidatedMessage, time: string): string {
  const isText = typeof payload === "string";
  const data = isText ? payload : Buffer.from(payload).toString("base64");
  const fields = { protocol: OUTPUT_PROTOCOL, data, sender, time, requestid: requestId, schema: SCHEMA_VERSION };
  return JSON.stringify(isText ? fields : { ...fields, encoding: "base64" });
}

/** What the bridge says of a message comes first; nothing that came with it can say it once more. */
function headers(message: ValidatedMessage, time: string): AdapterOutput["headers"] {
  const own = ownHeaders(message, time);
  if (message.headers.length === 0) return own;
  const names = new Set(own.map(([name]) => name.toLowerCase()));
  return [...own, ...message.headers.filter(([name]) => !names.has(name.toLowerCase()))];
}

function ownHeaders(message: ValidatedMessage, time: string): AdapterOutput["headers"] {
  return [
    ["Choria-Sender", message.sender],
    ["Choria-Caller", message.caller],
    ["Choria-Agent", message.agent],
    ["Choria-Collective", message.collective],
    ["Choria-Request-Id", message.requestId],
    ["Choria-Time", time],
    ["Choria-Protocol", message.protocol],
    ["Choria-Proof", message.proof],
    ["Choria-Sender-Proof", message.senderProof],
  ];
}

/** An envelope as a consumer needs it. */
export interface ReadOutput {
  readonly payload: Uint8Array;
  readonly sender: string;
  /** RFC 3339, as written. */
  readonly time: string;
  readonly requestId: string;
}

/** Reads an envelope of this bridge or of go-choria's own adapter; null for anything else. */
export function readAdapterOutput(bytes: Uint8Array): ReadOutput | null {
  if (!namesProtocol(bytes)) return null;
  const fields = parseObject(bytes);
  if (fields === null || fields["protocol"] !== OUTPUT_PROTOCOL) return null;
  const { data, sender, time, requestid, encoding } = fields;
  if (typeof data !== "string" || typeof sender !== "string") return null;
  if (typeof time !== "string" || typeof requestid !== "string") return null;
  const payload = encoding === undefined ? Buffer.from(data, "utf8") : decodePayload(data, encoding);
  return payload === null ? null : { payload, sender, time, requestId: requestid };
}

/**
 * An envelope carries its protocol's name as it is (neither writer escapes such characters), and a body that does not is
 * none: looking for it costs a fraction of parsing a body only to find that out.
 */
function namesProtocol({ buffer, byteOffset, byteLength }: Uint8Array): boolean {
  return Buffer.from(buffer, byteOffset, byteLength).includes(OUTPUT_PROTOCOL, 0, "latin1");
}

function decodePayload(data: string, encoding: unknown): Uint8Array | null {
  return encoding === "base64" ? decodeBase64(data) : null;
}

function parseObject(bytes: Uint8Array): Readonly<Record<string, unknown>> | null {
  const text = decodeUtf8(bytes);
  if (text === null) return null;
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : null;
  } catch {
    return null;
  }
}
