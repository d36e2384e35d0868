import type { Finding } from "../problem.ts";
import type { TrustConfig } from "../schema.ts";

export function checkTrust({ ttl }: TrustConfig): readonly Finding[] {
  if (ttl.min <= ttl.max) return [];
  const path = ["trust", "ttl", "min"];
  return [
    { path, value: `${ttl.min}ms`, problem: "is longer than trust.ttl.max", fix: `make it at most ${ttl.max}ms` },
  ];
}
