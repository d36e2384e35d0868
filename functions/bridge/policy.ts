import { ANYTHING, type Policy } from "../../shared/choria/policy.ts";
import { compilePattern } from "../../shared/choria/rules/pattern.ts";
import type { IngestConfig } from "../../shared/config/schema.ts";
import type { IngestSettings } from "./ingest.ts";

/** An ingest as its judge needs it. */
export function ingestSettings(name: string, { kind, proof, accept }: IngestConfig): IngestSettings {
  return { name, kind, proof, policy: policyOf(accept) };
}

function policyOf(accept: IngestConfig["accept"]): Policy {
  if (Object.values(accept).every((limit) => limit === undefined)) return ANYTHING;
  const { agents, collectives, senders, maxAge, maxBytes } = accept;
  return {
    agents: patterns(agents),
    collectives: collectives === undefined ? null : new Set(collectives),
    senders: patterns(senders),
    maxAgeMs: maxAge ?? null,
    maxBytes: maxBytes ?? null,
  };
}

/** The schema has compiled them once: these are patterns. */
function patterns(texts: readonly string[] | undefined): readonly RegExp[] | null {
  return texts?.map(compilePattern) ?? null;
}
