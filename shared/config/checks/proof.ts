import type { Finding } from "../problem.ts";
import type { IngestConfig } from "../schema.ts";
import type { Scope } from "./scope.ts";

type Kind = IngestConfig["kind"];
type Proof = IngestConfig["proof"];

/** The proofs an ingest may ask for, the strongest first, and why it may not ask for another. */
const PROOFS: Readonly<Record<Kind, { readonly proofs: readonly Proof[]; readonly reason: string }>> = {
  registration: { proofs: ["signature", "none"], reason: "a registration is proven by its signature, never by a" },
  request: { proofs: ["signature"], reason: "a request is proven by its signature, never by a" },
  reply: { proofs: ["signature", "hash"], reason: "a reply is proven by a signature or a hash, never by a" },
  auto: { proofs: ["signature", "hash", "none"], reason: "a Choria message is proven as a whole, never by a" },
  event: { proofs: ["none"], reason: "nobody signs events: they have no" },
  submission: { proofs: ["payload", "none"], reason: "a submission's signature covers its payload alone: it has no" },
  raw: { proofs: ["none"], reason: "what may be anything is not proven: it has no" },
};

/** Whether messages of the kind can carry the proof that is asked of them. */
export function checkProof(scope: Scope, path: PropertyKey[], { kind, proof }: IngestConfig): Finding[] {
  const refuse = (problem: string, fix: string): Finding[] => [{ path, value: proof, problem, fix }];
  const { proofs, reason } = PROOFS[kind];
  if (!proofs.includes(proof)) {
    const [problem, meant] =
      proof === "none" ? [`a ${kind} is never taken without proof`, proofs.at(-1)] : [`${reason} ${proof}`, proofs[0]];
    return refuse(problem, `write proof: ${meant}`);
  }
  return scope.isTrustKnown ? checkTrusted(scope, { kind, proof }, refuse) : [];
}

type Refuse = (problem: string, fix: string) => Finding[];

/** Whether `trust` can ever give the proof. */
function checkTrusted(scope: Scope, { kind, proof }: Pick<IngestConfig, "kind" | "proof">, refuse: Refuse): Finding[] {
  const { v1, v2 } = scope.config.trust;
  const isProtocol = kind === "registration" || kind === "auto";
  if (isProtocol && proof === "none" && v1?.allowInsecureRegistration !== true) {
    const fix = "write proof: signature, or trust.v1.allowInsecureRegistration: true";
    return refuse("unsigned registrations are not let in by `trust`", fix);
  }
  if (kind === "reply" && proof === "signature" && v1 !== undefined && v2 === undefined) {
    return refuse("a v1 reply never carries a signature, and v2 is not trusted", "write proof: hash");
  }
  if (kind === "submission" && proof === "payload" && v2 === undefined) {
    return refuse(
      "a submission is signed with a token of v2, which is not trusted",
      "add trust.v2, or write proof: none",
    );
  }
  return [];
}

/** A request proves its caller; its sender is only what it says of itself. `auto` may be a request. */
export function provesSender({ kind, proof }: Pick<IngestConfig, "kind" | "proof">): boolean {
  if (kind === "submission") return proof === "payload";
  return (kind === "registration" || kind === "reply") && proof === "signature";
}
