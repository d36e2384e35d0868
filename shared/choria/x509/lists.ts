import "reflect-metadata";
import type { X509Certificate } from "node:crypto";
import * as x509 from "@peculiar/x509";
import { quoted } from "../refusal.ts";
import { TrustError } from "../trust-error.ts";
import { readPem } from "./pem.ts";
import { isIssuerOf, type RevocationList, readRevocationList } from "./revocation.ts";
import type { Anchors } from "./verify.ts";

/** The configured revocation lists, each of a configured CA: what nobody vouches for revokes nothing. Throws a TrustError. */
export function readRevocationLists(pem: string, anchors: Iterable<X509Certificate>): readonly RevocationList[] {
  if (pem.trim() === "") return [];
  const blocks = readPem(pem);
  const fault = (text: string) => new TrustError("TRUST_BAD_CRL", "v1.crl", text);
  if (blocks === null || blocks.length === 0) throw fault("holds no revocation list in PEM form, or a broken one");
  const lists = blocks.map(({ label, der }, index) => {
    if (label !== "X509 CRL") throw fault(`block ${index + 1} is a ${quoted(label)}, not an X509 CRL`);
    return parseList(der, (text) => fault(`list ${index + 1} ${text}`));
  });
  const cas = [...anchors].map((certificate) => ({ certificate, keyId: subjectKeyId(certificate) }));
  for (const list of lists) refuseForeign(list, cas);
  return lists;
}

function parseList(der: Buffer, fault: (text: string) => TrustError): RevocationList {
  try {
    return readRevocationList(der);
  } catch (error) {
    throw fault(error instanceof Error ? error.message : "cannot be parsed");
  }
}

interface ConfiguredCa {
  readonly certificate: X509Certificate;
  readonly keyId: string | null;
}

/**
 * Several CAs may have one name, such as one that has changed its key. That which the list names by its key identifier is asked
 * first, because a large list is hashed for each that is asked; what decides is the signature.
 */
function refuseForeign(list: RevocationList, cas: readonly ConfiguredCa[]): void {
  const { issuer, issuerKeyId } = list;
  const isNamed = ({ keyId }: ConfiguredCa): boolean => keyId !== null && keyId === issuerKeyId;
  const inOrder = [...cas.filter(isNamed), ...cas.filter((ca) => !isNamed(ca))];
  if (inOrder.some(({ certificate }) => isIssuerOf(list, certificate))) return;
  const key = issuerKeyId === null ? "" : ` (it names the key ${quoted(issuerKeyId)})`;
  throw new TrustError(
    "TRUST_FOREIGN_CRL",
    "v1.crl",
    `the list of ${quoted(issuer)} is of no CA in trust.v1.ca: none has this name and has signed it${key}`,
  );
}

function subjectKeyId({ raw }: X509Certificate): string | null {
  const extension = new x509.X509Certificate(raw).getExtension(x509.SubjectKeyIdentifierExtension);
  return extension?.keyId.toLowerCase() ?? null;
}

/**
 * Throws a TrustError when the lists of `after` would revoke less than those in force: when one of them is gone or gives way
 * to an older one, while its CA is still trusted. Whoever can put an old file back must not bring back what was revoked
 * since. Lists that are not configured any more are an operator's decision.
 */
export function refuseOlderLists(before: Anchors, after: Anchors): void {
  if (after.revocationLists.length === 0) return;
  const cas = [...after.certificates.keys()];
  for (const list of before.revocationLists) {
    const issuers = cas.filter((ca) => isIssuerOf(list, ca));
    if (issuers.length === 0) continue;
    const successors = after.revocationLists.filter((next) => issuers.some((ca) => isIssuerOf(next, ca)));
    if (successors.some((next) => !isOlder(next, list))) continue;
    const [older] = successors;
    const what = older === undefined ? "is gone" : `is ${ageText(older)}`;
    const fault = `the list of ${quoted(list.issuer)} ${what}; the one in force is ${ageText(list)}`;
    throw new TrustError("TRUST_OLD_CRL", "v1.crl", fault);
  }
}

/** By either: a CA counts its lists upwards, and one that was set back to an old state may count anew. */
function isOlder(next: RevocationList, list: RevocationList): boolean {
  const isCountedLower =
    next.number !== null && list.number !== null && BigInt(`0x${next.number}`) < BigInt(`0x${list.number}`);
  return isCountedLower || next.thisUpdateMs < list.thisUpdateMs;
}

function ageText({ number, thisUpdateMs }: RevocationList): string {
  const counted = number === null ? "" : `number 0x${number} `;
  return `${counted}of ${new Date(thisUpdateMs).toISOString()}`;
}
