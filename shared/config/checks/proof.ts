import type { Finding } from "../problem.ts";
import type { IngestConfig } from "../schema.ts";
import type { Scope } from "./scope.ts";

/** Whether messages of the kind can carry the proof that is asked of them. */
export function checkProof(scope: Scope, path: PropertyKey[], { kind, proof }: IngestConfig): Finding[] {
  const refuse = (problem: string, fix: string): Finding[] => [{ path, value: proof, problem, fix }];
  if (kind !== "reply" && proof === "hash") {
    return refuse(`a ${kind} is proven by its signature, never by a hash`, "write proof: signature");
  }
  if (kind !== "registration" && proof === "none") {
    return refuse(`a ${kind} is never taken without proof`, `write proof: ${kind === "reply" ? "hash" : "signature"}`);
  }
  if (!scope.isTrustKnown) return [];
  const { v1, v2 } = scope.config.trust;
  if (proof === "none" && v1?.allowInsecureRegistration !== true) {
    const fix = "write proof: signature, or trust.v1.allowInsecureRegistration: true";
    return refuse("unsigned registrations are not let in by `trust`", fix);
  }
  if (kind === "reply" && proof === "signature" && v1 !== undefined && v2 === undefined) {
    return refuse("a v1 reply never carries a signature, and v2 is not trusted", "write proof: hash");
  }
  return [];
}

/** A request proves its caller; its sender is only what it says of itself. */
export function provesSender({ kind, proof }: IngestConfig): boolean {
  return kind !== "request" && proof === "signature";
}
