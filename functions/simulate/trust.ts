import { NOBODY } from "../../shared/choria/rules/deny.ts";
import type { TrustSettings } from "../../shared/choria/settings.ts";
import { NODE_PATTERN } from "./identity.ts";
import { ORGANISATION, type SimulatedPki } from "./pki.ts";

/** The `trust` section of a configuration that believes the simulated fleet, and nobody else. */
export function trustSection(pki: Pick<SimulatedPki, "caFile" | "issuerPublicKey">, collective: string) {
  return {
    v1: { ca: pki.caFile, nodes: [NODE_PATTERN] },
    v2: { issuers: { [ORGANISATION]: pki.issuerPublicKey } },
    collectives: [collective],
  };
}

/** The same trust as settings for `validate`, files read. */
export function trustOfFleet(pki: SimulatedPki, collective: string): TrustSettings {
  return {
    v1: {
      caPem: pki.caPem,
      crlPem: "",
      acceptStaleCrl: false,
      allow: [],
      privileged: [],
      nodes: [NODE_PATTERN],
      allowInsecureRegistration: false,
    },
    v2: {
      issuers: { [ORGANISATION]: pki.issuerPublicKey },
      trustedSigners: null,
      requireSignedReplies: true,
      delegatorsMayNameAnyCaller: false,
    },
    deny: NOBODY,
    collectives: [collective],
    ttl: { minSeconds: 1, maxSeconds: 60 },
    limits: { maxBytes: 1_048_576, maxDepth: 32 },
    cacheEntries: 400_000,
  };
}
