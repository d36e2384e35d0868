import { ANYTHING, type Policy } from "../../shared/choria/policy.ts";
import type { IngestConfig } from "../../shared/config/schema.ts";
import type { IngestSettings } from "./ingest.ts";

/** An ingest as its judge needs it. */
export function ingestSettings(name: string, { kind, proof, accept }: IngestConfig): IngestSettings {
  return { name, kind, proof, policy: policyOf(accept) };
}

function policyOf({ agents, collectives, senders, maxAge, maxBytes }: IngestConfig["accept"]): Policy {
  if (agents ?? collectives ?? senders ?? maxAge ?? maxBytes) {
    return {
      agents: patterns(agents),
      collectives: collectives === undefined ? null : new Set(collectives),
      senders: patterns(senders),
      maxAgeMs: maxAge ?? null,
      maxBytes: maxBytes ?? null,
    };
  }
  return ANYTHING;
}

/** The schema has compiled them once: these are patterns. */
function patterns(texts: readonly string[] | undefined): readonly RegExp[] | null {
  return texts?.map((text) => new RegExp(/^\/.*\/$/.test(text) ? text.slice(1, -1) : text)) ?? null;
}
