import type { Finding } from "../problem.ts";
import type { TrustConfig } from "../schema.ts";
import { durationText } from "../units.ts";

export function checkTrust({ ttl }: TrustConfig): readonly Finding[] {
  if (ttl.min <= ttl.max) return [];
  const path = ["trust", "ttl", "min"];
  return [
    {
      path,
      value: durationText(ttl.min),
      problem: "is longer than trust.ttl.max",
      fix: `make it at most ${durationText(ttl.max)}`,
    },
  ];
}
