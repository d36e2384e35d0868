import * as z from "zod";
import { parseRfc3339 } from "./rfc3339.ts";

/** A recorded NATS message: one line of a capture file. */
export interface Capture {
  readonly seq: number;
  readonly receivedMs: number;
  /** The recorder's label, from the subject. */
  readonly kind: string;
  readonly subject: string;
  readonly payload: Uint8Array;
  readonly headers: readonly (readonly [name: string, value: string])[];
}

const lineSchema = z.object({
  seq: z.number(),
  received: z.string().refine((text) => parseRfc3339(text) !== null, { error: "must be an RFC 3339 time" }),
  kind: z.string(),
  subject: z.string(),
  payload: z.base64(),
  headers: z.record(z.string(), z.array(z.string())).nullish(),
});

/** The captures in the text of a file, or what is wrong with the first line that is none. */
export function readCaptures(text: string): readonly Capture[] | string {
  const captures: Capture[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    const capture = readCapture(line);
    if (typeof capture === "string") return `line ${index + 1} is no capture: ${capture}`;
    captures.push(capture);
  }
  return captures;
}

function readCapture(line: string): Capture | string {
  const parsed = lineSchema.safeParse(parseJson(line));
  if (!parsed.success) return z.prettifyError(parsed.error);
  const { seq, kind, subject, received, payload } = parsed.data;
  const headers = Object.entries(parsed.data.headers ?? {}).flatMap(([name, values]) =>
    values.map((value) => [name, value] as const),
  );
  const receivedMs = Number((parseRfc3339(received) ?? 0n) / 1_000_000n);
  return { seq, kind, subject, receivedMs, payload: Buffer.from(payload, "base64"), headers };
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
