import { X509Certificate } from "node:crypto";
import { TrustError } from "../trust-error.ts";
import { type CertificateFacts, certificateFacts } from "./certificate.ts";
import { readPem } from "./pem.ts";
import { type RevocationList, readRevocationList } from "./revocation.ts";

/** The configured CAs, with what each says. Throws a TrustError. */
export function readAnchors(pem: string): ReadonlyMap<X509Certificate, CertificateFacts> {
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

/** The configured revocation lists, held against the CAs they name. Throws a TrustError. */
export function readRevocationLists(
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
