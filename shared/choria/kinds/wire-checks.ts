import type { Wire } from "../message.ts";
import { quoted, Refusal } from "../refusal.ts";
import { isHeaderSafe } from "../rules/fields.ts";
import type { Limits } from "../wire/transport.ts";

export function sizeRefusal({ data }: Wire, { maxBytes }: Limits): Refusal | null {
  if (data.byteLength <= maxBytes) return null;
  return new Refusal("too_large", `${data.byteLength} bytes, the limit is ${maxBytes}`);
}

/** A subject goes into headers and ids; NATS lets control characters and any length into it. */
export function subjectRefusal({ subject }: Wire): Refusal | null {
  if (isHeaderSafe(subject)) return null;
  return new Refusal("sender_invalid", `subject ${quoted(subject)} is too long or holds control characters`);
}
