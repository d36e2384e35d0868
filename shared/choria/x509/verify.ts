import type { KeyObject, X509Certificate } from "node:crypto";
import type { Validity } from "../cache.ts";
import { quoted, Refusal } from "../refusal.ts";
import { type CertificateFacts, certificateFacts, readKey } from "./certificate.ts";
import { type CertificatePath, findPaths } from "./path.ts";
import { isIssuerOf, type RevocationList } from "./revocation.ts";

/** A certificate that was proven up to an anchor. */
export interface ProvenCertificate extends Validity {
  /** The last moment for which the revocation lists it was held against are fresh, Unix milliseconds; Infinity without any. */
  readonly listsFreshUntilMs: number;
  readonly key: KeyObject;
  /** Distinct, in the certificate's order. */
  readonly names: readonly string[];
}

export interface Anchors {
  /** What each says is read once, when trust is loaded. */
  readonly certificates: ReadonlyMap<X509Certificate, CertificateFacts>;
  /** Of each, those of the others that stand above it, the nearest last. */
  readonly issuers: ReadonlyMap<X509Certificate, readonly X509Certificate[]>;
  readonly revocationLists: readonly RevocationList[];
  /** Whether a list past its next update goes on to count as if it were not. */
  readonly acceptStaleLists: boolean;
}

/** Unix milliseconds. A message kept by a stream is judged by when it was stored, and by what is revoked now. */
export interface Judged {
  readonly nowMs: number;
  readonly revocationMs: number;
}

/** A certificate on a path, with what was read from it. */
interface Step {
  readonly certificate: X509Certificate;
  readonly facts: CertificateFacts;
}

/** Subject alternative name, basic constraints, key usages, policies, key identifiers, distribution points. */
const UNDERSTOOD: ReadonlySet<string> = new Set([14, 15, 17, 19, 31, 32, 35, 37].map((id) => `2.5.29.${id}`));
const SIGNATURE_HASHES: ReadonlySet<string> = new Set(["SHA-256", "SHA-384", "SHA-512", "Ed25519", "EdDSA"]);
const CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";
const ANY_USAGE = "2.5.29.37.0";
const MIN_RSA_BITS = 2_048;

/** Check 12 on parsed certificates, the leaf first. Of several paths the first good one counts. */
export function verifyCertificates(
  certificates: readonly X509Certificate[],
  anchors: Anchors,
  judged: Judged,
): ProvenCertificate | Refusal {
  let refusal: Refusal | null = null;
  for (const path of findPaths(certificates, [...anchors.certificates.keys()])) {
    const verdict = judgePath(path, anchors, judged);
    if (!(verdict instanceof Refusal)) return verdict;
    refusal ??= verdict;
  }
  return refusal ?? unknownSigner(certificates[0]);
}

/** Strangers' certificates are not worth the X.509 library's time: OpenSSL's own text will do for the detail. */
function unknownSigner(leaf: X509Certificate | undefined): Refusal {
  const subject = quoted(leaf?.subject?.replaceAll("\n", ", ") ?? "");
  const issuer = quoted(leaf?.issuer?.replaceAll("\n", ", ") ?? "");
  return new Refusal(
    "untrusted_cert",
    `certificate ${subject} names issuer ${issuer}, but no configured CA has signed it`,
  );
}

function judgePath(path: CertificatePath, anchors: Anchors, judged: Judged): ProvenCertificate | Refusal {
  const steps = path.map((certificate) => ({
    certificate,
    facts: anchors.certificates.get(certificate) ?? certificateFacts(certificate),
  }));
  const read = steps.filter((step): step is Step => step.facts !== null);
  const leaf = read.at(-1);
  if (leaf === undefined || read.length < steps.length) {
    return new Refusal("untrusted_cert", "a certificate on the path holds values that cannot be read");
  }
  const applicable = applicableLists([...stepsAbove(read[0], anchors), ...read], anchors.revocationLists);
  const freshUntilMs = anchors.acceptStaleLists ? Number.POSITIVE_INFINITY : earliestUpdate(applicable);
  const refusal =
    firstRefusal(read, trustRefusal) ??
    firstRefusal(read, (step) => validityRefusal(step.facts, judged.nowMs)) ??
    firstRefusal(read, (step) => usageRefusal(step.facts)) ??
    revokedRefusal(applicable) ??
    (judged.revocationMs <= freshUntilMs ? null : staleRefusal(applicable, judged.revocationMs));
  const key = refusal ?? leafKey(leaf);
  return key instanceof Refusal ? key : proven({ leaf: leaf.facts, key }, read, freshUntilMs);
}

/** The leaf's own trouble is named before that of its issuers. */
function firstRefusal(
  steps: readonly Step[],
  check: (step: Step, index: number, steps: readonly Step[]) => Refusal | null,
): Refusal | null {
  for (let index = steps.length - 1; index >= 0; index--) {
    const step = steps[index];
    const refusal = step === undefined ? null : check(step, index, steps);
    if (refusal !== null) return refusal;
  }
  return null;
}

function trustRefusal({ facts }: Step, index: number, steps: readonly Step[]): Refusal | null {
  const fault =
    extensionFault(facts) ??
    (index > 0 && !SIGNATURE_HASHES.has(facts.signatureHash) ? `is signed with ${facts.signatureHash}` : null) ??
    (index < steps.length - 1 ? issuerFault(facts, steps.length - 2 - index) : null);
  return fault === null ? null : new Refusal("untrusted_cert", `${describe(facts)} ${fault}`);
}

function extensionFault(facts: CertificateFacts): string | null {
  if (facts.hasNameConstraints) return "has name constraints, which are not supported";
  const unknown = facts.criticalExtensions.find((oid) => !UNDERSTOOD.has(oid));
  return unknown === undefined ? null : `has the unknown critical extension ${unknown}`;
}

function issuerFault(facts: CertificateFacts, intermediatesBelow: number): string | null {
  if (!facts.isCa) return "has issued a certificate but is no CA";
  const isTooLong = facts.pathLength !== null && intermediatesBelow > facts.pathLength;
  return isTooLong ? `allows ${facts.pathLength} intermediates, not ${intermediatesBelow}` : null;
}

function validityRefusal(facts: CertificateFacts, nowMs: number): Refusal | null {
  // Negated, so that a date that is none is not one in the future.
  if (!(nowMs <= facts.notAfterMs)) {
    return new Refusal("cert_expired", `${describe(facts)} expired at ${isoTime(facts.notAfterMs)}`);
  }
  if (nowMs >= facts.notBeforeMs) return null;
  return new Refusal("cert_not_yet_valid", `${describe(facts)} is valid from ${isoTime(facts.notBeforeMs)}`);
}

function usageRefusal(facts: CertificateFacts): Refusal | null {
  const usages = facts.extendedKeyUsages;
  if (usages === null || usages.includes(CLIENT_AUTH) || usages.includes(ANY_USAGE)) return null;
  return new Refusal("cert_usage", `${describe(facts)} is not for client authentication`);
}

interface ApplicableList {
  readonly list: RevocationList;
  readonly subject: CertificateFacts;
}

/** Configured CAs above the one that the path begins with: they are not needed for trust, but may have revoked it. */
function stepsAbove(anchor: Step | undefined, { certificates, issuers }: Anchors): readonly Step[] {
  const above = (anchor === undefined ? undefined : issuers.get(anchor.certificate)) ?? [];
  return above.flatMap((certificate) => {
    const facts = certificates.get(certificate);
    return facts === undefined ? [] : [{ certificate, facts }];
  });
}

function applicableLists(steps: readonly Step[], lists: readonly RevocationList[]): readonly ApplicableList[] {
  return steps.flatMap(({ facts }, index) => {
    const issuer = steps[index - 1];
    if (issuer === undefined) return [];
    return lists.filter((list) => isIssuerOf(list, issuer.certificate)).map((list) => ({ list, subject: facts }));
  });
}

/** NaN when a list's date is none: then no moment is fresh. */
function earliestUpdate(applicable: readonly ApplicableList[]): number {
  return Math.min(...applicable.map(({ list }) => list.nextUpdateMs));
}

function revokedRefusal(applicable: readonly ApplicableList[]): Refusal | null {
  const hit = applicable.find(({ list, subject }) => list.revokedSerials.has(subject.serial));
  return hit === undefined ? null : new Refusal("cert_revoked", `${describe(hit.subject)} was revoked by its issuer`);
}

function staleRefusal(applicable: readonly ApplicableList[], revocationMs: number): Refusal | null {
  const stale = applicable.find(({ list }) => !(revocationMs <= list.nextUpdateMs));
  if (stale === undefined) return null;
  // An attacker who can hold back a fresh list must not be able to bring back what it revokes.
  const detail = `the revocation list of ${quoted(stale.list.issuer)} was due for renewal at ${isoTime(stale.list.nextUpdateMs)}`;
  return new Refusal("untrusted_cert", detail);
}

function leafKey({ certificate, facts }: Step): KeyObject | Refusal {
  const key = readKey(certificate);
  const bits = key?.asymmetricKeyDetails?.modulusLength ?? 0;
  const isRsa = key?.asymmetricKeyType === "rsa";
  if (isRsa && bits >= MIN_RSA_BITS) return key;
  const found = isRsa ? `RSA with ${bits} bits` : (key?.asymmetricKeyType ?? "unreadable");
  return new Refusal(
    "unsupported_key",
    `${describe(facts)} holds a key of type ${found}; RSA of 2048 bits or more is needed`,
  );
}

interface ProvenLeaf {
  readonly leaf: CertificateFacts;
  readonly key: KeyObject;
}

function proven({ leaf, key }: ProvenLeaf, steps: readonly Step[], listsFreshUntilMs: number): ProvenCertificate {
  return {
    key,
    names: [...new Set(leaf.names)],
    notBeforeMs: Math.max(...steps.map((step) => step.facts.notBeforeMs)),
    expiresMs: Math.min(...steps.map((step) => step.facts.notAfterMs)),
    listsFreshUntilMs,
  };
}

function describe(facts: CertificateFacts): string {
  return `certificate ${quoted(facts.subject)} (serial ${facts.serial})`;
}

/** A CA may sign any date; one that is none is never valid. */
function isoTime(ms: number): string {
  return Number.isNaN(ms) ? "no time" : new Date(ms).toISOString();
}
