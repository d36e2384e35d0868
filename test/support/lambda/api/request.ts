import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { type ApiError, invalidContent, invalidInvocationType, LARGEST_PAYLOAD_BYTES, tooLarge } from "./errors.ts";

/** What an Invoke request asks for. */
export interface InvokeRequest {
  readonly type: keyof typeof LARGEST_PAYLOAD_BYTES;
  /** JSON; `{}` when the request had no body. */
  readonly payload: string;
  readonly logTail: boolean;
}

/** A request's body; what is beyond `limit` is counted but not kept. */
export interface Body {
  readonly bytes: Buffer;
  readonly length: number;
}

/** Reads all of a request, so that its sender gets to reading the answer. */
export async function bytesOf(request: IncomingMessage, limit: number): Promise<Body> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length <= limit) chunks.push(chunk);
  }
  return { bytes: Buffer.concat(chunks), length };
}

/** Checks what can be said without running anything: type, size, JSON. */
export function readInvoke(headers: IncomingHttpHeaders, body: Body): InvokeRequest | ApiError {
  const type = headers["x-amz-invocation-type"] ?? "RequestResponse";
  if (!isType(type)) return invalidInvocationType(String(type));
  if (body.length > LARGEST_PAYLOAD_BYTES[type]) return tooLarge(type, body.length);
  const payload = body.length === 0 ? "{}" : body.bytes.toString();
  try {
    JSON.parse(payload);
  } catch (error) {
    return invalidContent(error instanceof Error ? error.message : String(error));
  }
  return { type, payload, logTail: type === "RequestResponse" && headers["x-amz-log-type"] === "Tail" };
}

function isType(text: unknown): text is InvokeRequest["type"] {
  return typeof text === "string" && Object.hasOwn(LARGEST_PAYLOAD_BYTES, text);
}
