import { identityFault, tokenFault } from "../deny-list.ts";
import type { Finding } from "../problem.ts";
import type { TrustConfig } from "../schema.ts";
import { durationText } from "../units.ts";

export function checkTrust(trust: TrustConfig): readonly Finding[] {
  return [...checkTtl(trust), ...checkStaleCrl(trust), ...checkDeny(trust)];
}

function checkTtl({ ttl }: TrustConfig): Finding[] {
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

function checkStaleCrl({ v1 }: TrustConfig): Finding[] {
  if (v1?.acceptStaleCrl !== true || v1.crl !== undefined) return [];
  const path = ["trust", "v1", "acceptStaleCrl"];
  return [{ path, value: true, problem: "has no effect without trust.v1.crl", fix: "name the crl, or leave this out" }];
}

/** An entry that denies nobody would be found out when it is too late. */
function checkDeny({ deny, v2 }: TrustConfig): Finding[] {
  const findings: Finding[] = [];
  const add = (list: "tokens" | "publicKeys" | "identities", index: number, problem: string, fix: string) =>
    findings.push({ path: ["trust", "deny", list, index], value: deny[list][index], problem, fix });
  for (const [list, faultOf] of [
    ["tokens", tokenFault],
    ["identities", identityFault],
  ] as const) {
    for (const [index, entry] of deny[list].entries()) {
      const fault = faultOf(entry);
      if (fault !== null) add(list, index, fault.problem, fault.fix);
    }
  }
  for (const list of ["tokens", "publicKeys"] as const) {
    if (v2 !== undefined || deny[list].length === 0) continue;
    add(
      list,
      0,
      "denies nothing: protocol v1 has no tokens",
      "deny identities, or revoke certificates by trust.v1.crl",
    );
  }
  return findings;
}
