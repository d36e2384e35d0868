import type { Rejection, ValidatedMessage } from "./message.ts";
import { quoted } from "./refusal.ts";
import { matchesAny } from "./rules/pattern.ts";

/** What an ingest accepts of what is proven; null: anything. */
export interface Policy {
  readonly agents: readonly RegExp[] | null;
  readonly collectives: ReadonlySet<string> | null;
  readonly senders: readonly RegExp[] | null;
  readonly maxAgeMs: number | null;
  readonly maxBytes: number | null;
}

export const ANYTHING: Policy = { agents: null, collectives: null, senders: null, maxAgeMs: null, maxBytes: null };

/** Why the policy refuses a message that trust lets in, or null when it does not. */
export function policyRefusal(
  message: ValidatedMessage,
  arrival: { readonly data: Uint8Array; readonly receivedAtMs: number },
  policy: Policy,
): Rejection | null {
  if (policy === ANYTHING) return null;
  const refuse = (detail: string): Rejection => ({ code: "not_accepted", detail });
  const { agents, collectives, senders, maxAgeMs, maxBytes } = policy;
  if (maxBytes !== null && arrival.data.length > maxBytes) {
    return { code: "too_large", detail: `${arrival.data.length} bytes; the ingest accepts ${maxBytes}` };
  }
  if (agents !== null && !matchesAny(agents, message.agent)) {
    return refuse(`agent ${quoted(message.agent)} matches no pattern of accept.agents`);
  }
  if (collectives !== null && !collectives.has(message.collective)) {
    return refuse(`collective ${quoted(message.collective)} is not in accept.collectives`);
  }
  if (senders !== null && !matchesAny(senders, message.sender)) {
    return refuse(`sender ${quoted(message.sender)} matches no pattern of accept.senders`);
  }
  const ageMs = arrival.receivedAtMs - Number(message.timeNs / 1_000_000n);
  if (maxAgeMs !== null && ageMs > maxAgeMs)
    return refuse(`${Math.round(ageMs)} ms old; accept.maxAge is ${maxAgeMs} ms`);
  // A reply has no ttl: one from the future would stay young, and could be sent again, until its time has come.
  if (maxAgeMs !== null && ageMs < -maxAgeMs) {
    return refuse(`${Math.round(-ageMs)} ms in the future; accept.maxAge is ${maxAgeMs} ms`);
  }
  return null;
}
