import type { Wire } from "../message.ts";
import { quoted, Refusal } from "../refusal.ts";
import { isHeaderSafe, isSubjectSafe } from "../rules/fields.ts";

/** A subject goes into headers and ids; NATS lets control characters and any length into it. */
export function subjectRefusal({ subject }: Wire): Refusal | null {
  if (isHeaderSafe(subject)) return null;
  return new Refusal("sender_invalid", `subject ${quoted(subject)} is too long or holds control characters`);
}

/** A sender that nothing but its own word names goes into subjects. */
export function identityRefusal(identity: string): Refusal | null {
  if (isSubjectSafe(identity)) return null;
  return new Refusal("sender_invalid", `identity ${quoted(identity)} is no safe subject token`);
}
