import { CredentialCache } from "./cache.ts";
import { type DenyList, denyList } from "./rules/deny.ts";
import { isSubjectSafe } from "./rules/fields.ts";
import { compilePattern } from "./rules/pattern.ts";
import type { TrustSettings, V1TrustSettings, V2TrustSettings } from "./settings.ts";
import { tokenForm } from "./token/compact.ts";
import { ed25519Key, type TrustedKey } from "./token/key.ts";
import { anchorsOf, type ProvenToken, type TokenIssuers } from "./token/verify.ts";
import { TrustError } from "./trust-error.ts";
import { issuersAmong, readAnchors } from "./x509/anchors.ts";
import { certificateForm } from "./x509/compact.ts";
import { readRevocationLists } from "./x509/lists.ts";
import type { Anchors, ProvenCertificate } from "./x509/verify.ts";

export interface V1Trust {
  readonly anchors: Anchors;
  readonly allow: readonly RegExp[];
  readonly privileged: readonly RegExp[];
  readonly nodes: readonly RegExp[];
  readonly allowInsecureRegistration: boolean;
  readonly proven: CredentialCache<ProvenCertificate>;
}

export interface V2Trust {
  readonly issuers: TokenIssuers;
  readonly requireSignedReplies: boolean;
  readonly delegatorsMayNameAnyCaller: boolean;
  readonly proven: CredentialCache<ProvenToken>;
}

/**
 * Everything a verdict rests on, parsed once, with the memory of what it has proven. To reload is to make another: no
 * verdict of the old settings outlives them.
 */
export interface Trust {
  readonly v1: V1Trust | null;
  readonly v2: V2Trust | null;
  readonly deny: DenyList;
  readonly collectives: ReadonlySet<string>;
  readonly ttl: TrustSettings["ttl"];
  readonly limits: TrustSettings["limits"];
}

/** Of each protocol: enough for the callers of a fleet; nodes report too seldom for any number to help. */
const KEPT_KEYS = 1_024;

/** Throws a TrustError that names the setting and what is wrong with it. */
export function createTrust(settings: TrustSettings): Trust {
  const { v1, v2, ttl } = settings;
  if (ttl.minSeconds > ttl.maxSeconds) {
    throw new TrustError("TRUST_BAD_TTL", "ttl", `min (${ttl.minSeconds} s) is above max (${ttl.maxSeconds} s)`);
  }
  const unsafe = settings.collectives.find((name) => !isSubjectSafe(name));
  if (unsafe !== undefined) {
    throw new TrustError("TRUST_BAD_COLLECTIVE", "collectives", `"${unsafe}" cannot be part of a NATS subject`);
  }
  return {
    v1: v1 === null ? null : createV1Trust(v1, settings.cacheEntries),
    v2: v2 === null ? null : createV2Trust(v2, settings.cacheEntries),
    deny: denyList(settings.deny),
    collectives: new Set(settings.collectives),
    ttl,
    limits: settings.limits,
  };
}

function createV1Trust(settings: V1TrustSettings, cacheEntries: number): V1Trust {
  const certificates = readAnchors(settings.caPem);
  const revocationLists = readRevocationLists(settings.crlPem, certificates.keys());
  const issuers = issuersAmong(certificates.keys());
  return {
    anchors: { certificates, issuers, revocationLists, acceptStaleLists: settings.acceptStaleCrl },
    allow: patterns("v1.allow", settings.allow),
    privileged: patterns("v1.privileged", settings.privileged),
    nodes: patterns("v1.nodes", settings.nodes),
    allowInsecureRegistration: settings.allowInsecureRegistration,
    proven: new CredentialCache(cacheEntries, certificateForm(KEPT_KEYS)),
  };
}

function patterns(setting: string, texts: readonly string[]): readonly RegExp[] {
  return texts.map((text, index) => {
    try {
      return compilePattern(text);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new TrustError("TRUST_BAD_PATTERN", `${setting}[${index}]`, reason);
    }
  });
}

function createV2Trust(settings: V2TrustSettings, cacheEntries: number): V2Trust {
  const issuers = tokenIssuers(settings);
  return {
    issuers,
    requireSignedReplies: settings.requireSignedReplies,
    delegatorsMayNameAnyCaller: settings.delegatorsMayNameAnyCaller,
    proven: new CredentialCache(cacheEntries, tokenForm(anchorsOf(issuers), KEPT_KEYS)),
  };
}

function tokenIssuers({ issuers, trustedSigners }: V2TrustSettings): TokenIssuers {
  const units = Object.entries(issuers ?? {});
  if ((issuers === null) === (trustedSigners === null)) {
    throw new TrustError("TRUST_BAD_ISSUERS", "v2", "set exactly one of issuers and trustedSigners");
  }
  if (units.length + (trustedSigners?.length ?? 0) === 0) {
    throw new TrustError("TRUST_BAD_ISSUERS", "v2", "names no key: nothing could be accepted");
  }
  if (trustedSigners !== null) {
    return { type: "signers", keys: trustedSigners.map((hex, index) => keyOf(`v2.trustedSigners[${index}]`, hex)) };
  }
  return { type: "issuers", byUnit: new Map(units.map(([unit, hex]) => [unit, keyOf(`v2.issuers.${unit}`, hex)])) };
}

function keyOf(setting: string, hex: string): TrustedKey {
  const key = ed25519Key(hex);
  if (key !== null) return key;
  throw new TrustError("TRUST_BAD_KEY", setting, "is not an ed25519 public key of 64 hex characters");
}
