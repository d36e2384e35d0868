import type { Protocol } from "../message.ts";
import { Refusal } from "../refusal.ts";
import { formatRfc3339, isRepresentable } from "../rfc3339.ts";

export interface TtlBounds {
  readonly minSeconds: number;
  readonly maxSeconds: number;
}

/** The v1 request schema's minimum; v2 has 1. */
const SCHEMA_MIN_SECONDS: Readonly<Record<Protocol, number>> = { v1: 30, v2: 1 };

/** Check 16, first half: go-choria bounds the ttl from below alone, so a sender could keep a message alive for ever. */
export function ttlRefusal(ttlSeconds: bigint, protocol: Protocol, bounds: TtlBounds): Refusal | null {
  const minSeconds = Math.max(bounds.minSeconds, SCHEMA_MIN_SECONDS[protocol]);
  if (ttlSeconds >= BigInt(Math.ceil(minSeconds)) && ttlSeconds <= BigInt(Math.floor(bounds.maxSeconds))) return null;
  return new Refusal(
    "ttl_out_of_range",
    `ttl is ${ttlSeconds} s, accepted are ${minSeconds} s to ${bounds.maxSeconds} s`,
  );
}

/** Check 16, second half: `now - ttl < time < now + ttl`, both strict (go-choria message.go, ValidateTTL). */
export function ageRefusal(timeNs: bigint, ttlSeconds: bigint, nowMs: number): Refusal | null {
  const ttlNs = ttlSeconds * 1_000_000_000n;
  const nowNs = BigInt(Math.trunc(nowMs)) * 1_000_000n;
  if (timeNs <= nowNs - ttlNs) return refusal("ttl_expired", timeNs, nowNs);
  if (timeNs >= nowNs + ttlNs) return refusal("future_time", timeNs, nowNs);
  return null;
}

function refusal(code: "ttl_expired" | "future_time", timeNs: bigint, nowNs: bigint): Refusal {
  const made = isRepresentable(timeNs) ? formatRfc3339(timeNs) : `${timeNs} ns since 1970`;
  return new Refusal(code, `made at ${made} by the sender's clock, judged at ${formatRfc3339(nowNs)}`);
}
