import type { StoredInput } from "../message.ts";

/** A message as it would lie in a stream. */
export interface MadeMessage {
  readonly body: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
  readonly sequence: number;
}

/** Stands in for a delivery: the same facts, out of no server. */
export function madeInput({ body, headers, sequence }: MadeMessage): StoredInput {
  return {
    subject: "test",
    stream: "TEST",
    streamSequence: sequence,
    timestampMs: Date.now(),
    data: body,
    header: (name) => headers[name] ?? "",
    hasHeader: (name) => Object.hasOwn(headers, name),
    headers: () => Object.entries(headers),
  };
}

/** The body that an input is stored as: bytes as they are, text too for a handler of bytes, anything else as JSON. */
export function bodyOf(input: unknown, kind: "bytes" | "json"): Uint8Array {
  if (input instanceof Uint8Array) return input;
  if (kind === "bytes" && typeof input === "string") return Buffer.from(input);
  return Buffer.from(JSON.stringify(input) ?? "");
}
