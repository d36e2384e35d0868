import { X509Certificate } from "node:crypto";
import { CredentialCache } from "./cache.ts";
import { isSubjectSafe } from "./fields.ts";
import type { TrustSettings, V1TrustSettings, V2TrustSettings } from "./settings.ts";
import { ed25519Key, type TrustedKey } from "./token/key.ts";
import type { ProvenToken, TokenIssuers } from "./token/verify.ts";
import { type CertificateFacts, certificateFacts } from "./x509/certificate.ts";
import { readPem } from "./x509/pem.ts";
import { type RevocationList, readRevocationList } from "./x509/revocation.ts";
import type { Anchors, ProvenCertificate } from "./x509/verify.ts";

export type TrustErrorCode =
  | "TRUST_BAD_CA"
  | "TRUST_BAD_CRL"
  | "TRUST_BAD_PATTERN"
  | "TRUST_BAD_KEY"
  | "TRUST_BAD_ISSUERS"
  | "TRUST_BAD_COLLECTIVE"
  | "TRUST_BAD_TTL";

/** Settings no verdict can rest on. `setting` is the path of the culprit below `trust`. */
export class TrustError extends Error {
  override readonly name = "TrustError";
  readonly code: TrustErrorCode;
  readonly setting: string;

  constructor(code: TrustErrorCode, setting: string, fault: string) {
    super(`trust.${setting}: ${fault}`);
    this.code = code;
    this.setting = setting;
  }
}

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
  readonly collectives: ReadonlySet<string>;
  readonly ttl: TrustSettings["ttl"];
  readonly limits: TrustSettings["limits"];
}

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
    collectives: new Set(settings.collectives),
    ttl,
    limits: settings.limits,
  };
}

function createV1Trust(settings: V1TrustSettings, cacheEntries: number): V1Trust {
  const certificates = readAnchors(settings.caPem);
  return {
    anchors: { certificates, revocationLists: readRevocationLists(settings.crlPem, certificates) },
    allow: patterns("v1.allow", settings.allow),
    privileged: patterns("v1.privileged", settings.privileged),
    nodes: patterns("v1.nodes", settings.nodes),
    allowInsecureRegistration: settings.allowInsecureRegistration,
    proven: new CredentialCache(cacheEntries),
  };
}

function readAnchors(pem: string): ReadonlyMap<X509Certificate, CertificateFacts> {
  const blocks = readPem(pem);
  const fault = (text: string) => new TrustError("TRUST_BAD_CA", "v1.ca", text);
  if (blocks === null || blocks.length === 0) throw fault("holds no certificate in PEM form, or a broken one");
  return new Map(
    blocks.map(({ label, der }, index): [X509Certificate, CertificateFacts] => {
      if (label !== "CERTIFICATE") throw fault(`block ${index + 1} is a ${label}, not a CERTIFICATE`);
      const certificate = parseOrThrow(der, () => fault(`certificate ${index + 1} cannot be parsed`));
      const facts = certificateFacts(certificate);
      if (facts === null) throw fault(`certificate ${index + 1} cannot be parsed`);
      if (!facts.isCa) throw fault(`certificate "${facts.subject}" is not a CA certificate`);
      return [certificate, facts];
    }),
  );
}

function parseOrThrow(der: Buffer, fault: () => TrustError): X509Certificate {
  try {
    return new X509Certificate(der);
  } catch {
    throw fault();
  }
}

function readRevocationLists(
  pem: string,
  anchors: ReadonlyMap<X509Certificate, CertificateFacts>,
): readonly RevocationList[] {
  if (pem.trim() === "") return [];
  const blocks = readPem(pem);
  const fault = (text: string) => new TrustError("TRUST_BAD_CRL", "v1.crl", text);
  if (blocks === null || blocks.length === 0) throw fault("holds no revocation list in PEM form, or a broken one");
  const lists = blocks.map(({ label, der }, index) => {
    if (label !== "X509 CRL") throw fault(`block ${index + 1} is a ${label}, not an X509 CRL`);
    return parseList(der, (text) => fault(`list ${index + 1} ${text}`));
  });
  const forged = lists.find((list) => isForeign(list, anchors));
  if (forged === undefined) return lists;
  throw fault(`the list of "${forged.issuer}" is not signed by the configured CA of that name`);
}

function parseList(der: Buffer, fault: (text: string) => TrustError): RevocationList {
  try {
    return readRevocationList(der);
  } catch (error) {
    throw fault(error instanceof Error ? error.message : "cannot be parsed");
  }
}

/** Lists of intermediates cannot be checked before a message brings the intermediate. */
function isForeign(list: RevocationList, anchors: ReadonlyMap<X509Certificate, CertificateFacts>): boolean {
  const named = [...anchors].filter(([, facts]) => facts.subject === list.issuer);
  return named.length > 0 && !named.some(([certificate]) => list.isSignedBy(certificate));
}

/** go-choria writes patterns as they are or as `/…/`; the slashes are not part of them. */
function patterns(setting: string, texts: readonly string[]): readonly RegExp[] {
  return texts.map((text, index) => {
    const source = /^\/.*\/$/.test(text) ? text.slice(1, -1) : text;
    try {
      return new RegExp(source);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new TrustError("TRUST_BAD_PATTERN", `${setting}[${index}]`, reason);
    }
  });
}

function createV2Trust(settings: V2TrustSettings, cacheEntries: number): V2Trust {
  return {
    issuers: tokenIssuers(settings),
    requireSignedReplies: settings.requireSignedReplies,
    delegatorsMayNameAnyCaller: settings.delegatorsMayNameAnyCaller,
    proven: new CredentialCache(cacheEntries),
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
