import { X509Certificate } from "node:crypto";
import { quoted } from "../refusal.ts";
import { TrustError } from "../trust-error.ts";
import { type CertificateFacts, certificateFacts } from "./certificate.ts";
import { readPem } from "./pem.ts";

/** The configured CAs, with what each says. Throws a TrustError. */
export function readAnchors(pem: string): ReadonlyMap<X509Certificate, CertificateFacts> {
  const blocks = readPem(pem);
  const fault = (text: string) => new TrustError("TRUST_BAD_CA", "v1.ca", text);
  if (blocks === null || blocks.length === 0) throw fault("holds no certificate in PEM form, or a broken one");
  return new Map(
    blocks.map(({ label, der }, index): [X509Certificate, CertificateFacts] => {
      if (label !== "CERTIFICATE") throw fault(`block ${index + 1} is a ${quoted(label)}, not a CERTIFICATE`);
      const certificate = parseOrThrow(der, () => fault(`certificate ${index + 1} cannot be parsed`));
      const facts = certificateFacts(certificate);
      if (facts === null) throw fault(`certificate ${index + 1} cannot be parsed`);
      if (!facts.isCa) throw fault(`certificate ${quoted(facts.subject)} is not a CA certificate`);
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

/**
 * For each configured CA that others of them stand above, those, the nearest last. A list of theirs counts against it: an
 * intermediate is configured so that its own list can be, and that must not make it irrevocable.
 */
export function issuersAmong(
  anchors: Iterable<X509Certificate>,
): ReadonlyMap<X509Certificate, readonly X509Certificate[]> {
  const all = [...anchors];
  return new Map(all.map((anchor) => [anchor, issuersAbove(anchor, all)]));
}

function issuersAbove(anchor: X509Certificate, all: readonly X509Certificate[]): readonly X509Certificate[] {
  const above: X509Certificate[] = [];
  let below = anchor;
  // A root stands alone, also where another CA has signed its key under the same name.
  while (!hasIssued(below, below)) {
    const issuer = all.find((other) => other !== anchor && !above.includes(other) && hasIssued(other, below));
    if (issuer === undefined) break;
    above.unshift(issuer);
    below = issuer;
  }
  return above;
}

function hasIssued(issuer: X509Certificate, certificate: X509Certificate): boolean {
  try {
    return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
  } catch {
    return false;
  }
}
