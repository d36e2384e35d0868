import type { X509Certificate } from "node:crypto";
import { Refusal } from "../refusal.ts";
import { type Claims, readClaims } from "../token/claims.ts";
import type { Trust } from "../trust.ts";
import { certificateFacts, readCertificates, readKey } from "../x509/certificate.ts";
import { type Layer, presentable } from "./presentable.ts";

/** What the certificate of a v1 request says, beside the CAs it would have to come from; null without one. */
export function certificateLayer(pubcert: unknown, trust: Trust): Layer | null {
  if (typeof pubcert !== "string") return null;
  const certificates = readCertificates(pubcert);
  const [leaf] = typeof certificates === "string" ? [] : certificates;
  const configuredCas = [...(trust.v1?.anchors.certificates.values() ?? [])].map((facts) => facts.subject);
  if (leaf === undefined)
    return { name: "certificate", facts: presentable({ unreadable: certificates, configuredCas }) };
  const facts = { ...leafFacts(leaf), certificates: certificates.length, configuredCas };
  return { name: "certificate", facts: presentable(facts) };
}

function leafFacts(leaf: X509Certificate) {
  const facts = certificateFacts(leaf);
  const keyType = keyText(leaf);
  if (facts === null) return { subject: leaf.subject, issuer: leaf.issuer, keyType };
  return {
    subject: facts.subject,
    names: facts.names,
    issuer: facts.issuer,
    serial: facts.serial,
    validFrom: isoSeconds(facts.notBeforeMs / 1_000),
    validTo: isoSeconds(facts.notAfterMs / 1_000),
    extendedKeyUsages: facts.extendedKeyUsages ?? "any",
    keyType,
  };
}

function keyText(leaf: X509Certificate): string {
  const key = readKey(leaf);
  if (key === null) return "unreadable";
  return [key.asymmetricKeyType, key.asymmetricKeyDetails?.modulusLength].filter(Boolean).join(" ");
}

/** What a v2 token claims, beside the issuers it would have to come from; null without one. */
export function tokenLayer(name: "token" | "delegator", token: unknown, trust: Trust): Layer | null {
  if (typeof token !== "string" || token === "") return null;
  const claims = readClaims(token, trust.limits.maxDepth);
  const facts = claims instanceof Refusal ? { unreadable: claims.detail } : claimFacts(claims);
  return { name, facts: presentable({ ...facts, ...configuredIssuers(trust) }) };
}

function claimFacts(claims: Claims) {
  return {
    purpose: claims.purpose || "(none)",
    identity: claims.identity,
    callerId: claims.callerId,
    organisationUnit: claims.organisationUnit,
    issuedBy: issuerKind(claims),
    validFrom: isoSeconds(claims.notBefore),
    validTo: isoSeconds(claims.expiresAt) ?? "(no expiry)",
    issuerValidTo: isoSeconds(claims.issuerExpiresAt),
    collectives: claims.collectives,
    permissions: [...claims.permissions],
  };
}

/** The prefixes are those of choria-io/tokens; the keys after them are left out. */
function issuerKind({ issuer }: Claims): string {
  if (issuer.startsWith("C-")) return "a chain issuer of the organisation";
  return issuer.startsWith("I-") ? "the organisation, as a chain issuer" : `the organisation ("${issuer}")`;
}

function isoSeconds(seconds: number | null): string | null {
  if (seconds === null) return null;
  const moment = new Date(seconds * 1_000);
  return Number.isNaN(moment.getTime()) ? `${seconds} (no time)` : moment.toISOString();
}

function configuredIssuers({ v2 }: Trust) {
  if (v2 === null) return {};
  return v2.issuers.type === "issuers"
    ? { configuredIssuers: [...v2.issuers.byUnit.keys()] }
    : { configuredSigners: v2.issuers.keys.length };
}
