import type { X509Certificate } from "node:crypto";

/** From the trust anchor to the leaf. */
export type CertificatePath = readonly X509Certificate[];

/** Real chains have one or two. */
const MAX_INTERMEDIATES = 4;
/** Only the holder of a trusted CA key can make paths branch: copies count once. This bounds what even that costs. */
const MAX_SIGNATURE_CHECKS = 64;

/**
 * Every path from an anchor to the leaf (the first certificate) whose signatures hold. Built from the anchors downwards:
 * no key is used before a trusted one has signed it, so certificates a stranger made cost no more than comparing names.
 */
export function findPaths(
  certificates: readonly X509Certificate[],
  anchors: readonly X509Certificate[],
): readonly CertificatePath[] {
  const [leaf, ...others] = withoutCopies(certificates);
  if (leaf === undefined) return [];
  const search: Search = { leaf, others, paths: [], checksLeft: MAX_SIGNATURE_CHECKS };
  for (const anchor of anchors) extend(search, anchor, [anchor]);
  return search.paths;
}

interface Search {
  readonly leaf: X509Certificate;
  readonly others: readonly X509Certificate[];
  readonly paths: CertificatePath[];
  checksLeft: number;
}

function extend(search: Search, issuer: X509Certificate, path: CertificatePath): void {
  if (isIssued(search, search.leaf, issuer)) search.paths.push([...path, search.leaf]);
  if (path.length > MAX_INTERMEDIATES) return;
  for (const next of search.others) {
    if (isIssued(search, next, issuer) && !isRepeated(next, path)) extend(search, next, [...path, next]);
  }
}

/** A CA stands on a path once, under whichever certificate of its: anybody may send a public root along, ten times over. */
function isRepeated(next: X509Certificate, path: CertificatePath): boolean {
  return path.some((above) => above.subject === next.subject && above.publicKey.equals(next.publicKey));
}

function withoutCopies(certificates: readonly X509Certificate[]): readonly X509Certificate[] {
  if (certificates.length === 1) return certificates;
  return [...new Map(certificates.map((certificate) => [certificate.fingerprint256, certificate])).values()];
}

function isIssued(search: Search, certificate: X509Certificate, issuer: X509Certificate): boolean {
  try {
    // checkIssued compares names, key identifiers and the issuer's key usage; verify checks the signature.
    if (!certificate.checkIssued(issuer) || search.checksLeft === 0) return false;
    search.checksLeft--;
    return certificate.verify(issuer.publicKey);
  } catch {
    return false;
  }
}
