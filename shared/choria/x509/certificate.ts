// @peculiar/x509 needs its Reflect polyfill to be loaded first.
import "reflect-metadata";
import { type KeyObject, X509Certificate } from "node:crypto";
import * as x509 from "@peculiar/x509";
import { normalSerial } from "./der.ts";
import { ordinaryFacts } from "./ordinary.ts";
import { readPem } from "./pem.ts";

/** What a certificate says, beyond what `node:crypto` can tell. Read only once a trusted key has signed it. */
export interface CertificateFacts {
  readonly subject: string;
  readonly issuer: string;
  /** Lower hex without leading zeros. */
  readonly serial: string;
  /** DNS subject alternative names, then the common name: what go-choria compares callers with. */
  readonly names: readonly string[];
  readonly notBeforeMs: number;
  /** The last moment it is valid. */
  readonly notAfterMs: number;
  /** OIDs; null without the extension, which means any use. */
  readonly extendedKeyUsages: readonly string[] | null;
  readonly isCa: boolean;
  /** Most intermediates that may follow; null for no limit. */
  readonly pathLength: number | null;
  /** For example `SHA-256`. */
  readonly signatureHash: string;
  readonly criticalExtensions: readonly string[];
  readonly hasNameConstraints: boolean;
}

const MAX_PEM_CHARACTERS = 65_536;
const MAX_CERTIFICATES = 10;
const NAME_CONSTRAINTS = "2.5.29.30";

/** The certificates of a `pubcert`, the leaf first; or what is wrong with it. Nothing is trusted yet. */
export function readCertificates(pem: string): readonly X509Certificate[] | string {
  if (pem.length > MAX_PEM_CHARACTERS) return `longer than ${MAX_PEM_CHARACTERS} characters`;
  const blocks = readPem(pem);
  if (blocks === null) return "a PEM block is broken";
  if (blocks.length === 0) return "not PEM";
  if (blocks.length > MAX_CERTIFICATES) return `more than ${MAX_CERTIFICATES} certificates`;
  if (blocks.some((block) => block.label !== "CERTIFICATE")) return "holds a PEM block that is no certificate";
  const certificates = blocks.map((block) => parseCertificate(block.der));
  const parsed = certificates.filter((certificate) => certificate !== null);
  return parsed.length === certificates.length ? parsed : "holds a certificate that cannot be parsed";
}

function parseCertificate(der: Buffer): X509Certificate | null {
  try {
    const certificate = new X509Certificate(der);
    // OpenSSL ignores what follows the certificate; two readers must not see two things.
    return certificate.raw.length === der.length ? certificate : null;
  } catch {
    return null;
  }
}

/** The certificate's key; null for one that OpenSSL cannot read, which it finds out only when asked. */
export function readKey(certificate: X509Certificate): KeyObject | null {
  try {
    return certificate.publicKey;
  } catch {
    return null;
  }
}

/** What the certificate says; null when neither reader can read it. */
export function certificateFacts(certificate: X509Certificate): CertificateFacts | null {
  return ordinaryFacts(certificate.raw) ?? libraryFacts(certificate.raw);
}

/** Reads the certificate with the X.509 library; null when that library cannot. */
export function libraryFacts(der: Buffer): CertificateFacts | null {
  try {
    return readFacts(new x509.X509Certificate(der));
  } catch {
    return null;
  }
}

function readFacts(certificate: x509.X509Certificate): CertificateFacts {
  const usages = certificate.getExtension(x509.ExtendedKeyUsageExtension);
  const constraints = certificate.getExtension(x509.BasicConstraintsExtension);
  const { extensions } = certificate;
  return {
    subject: certificate.subject,
    issuer: certificate.issuer,
    serial: normalSerial(certificate.serialNumber),
    names: certificateNames(certificate),
    notBeforeMs: certificate.notBefore.getTime(),
    notAfterMs: certificate.notAfter.getTime(),
    extendedKeyUsages: usages?.usages.map(String) ?? null,
    isCa: constraints?.ca ?? false,
    pathLength: constraints?.pathLength ?? null,
    signatureHash: hashName(certificate.signatureAlgorithm),
    criticalExtensions: extensions.filter((extension) => extension.critical).map((extension) => extension.type),
    hasNameConstraints: extensions.some((extension) => extension.type === NAME_CONSTRAINTS),
  };
}

function certificateNames(certificate: x509.X509Certificate): readonly string[] {
  const alternatives = certificate.getExtension(x509.SubjectAlternativeNameExtension)?.names.items ?? [];
  const dnsNames = alternatives.filter((name) => name.type === "dns").map((name) => name.value);
  // With several common names go-choria sees the last.
  const commonName = certificate.subjectName.getField("CN").at(-1);
  return commonName === undefined ? dnsNames : [...dnsNames, commonName];
}

/** EdDSA has its hash built in: its own name stands for it. */
function hashName(algorithm: object): string {
  const { name, hash }: { name?: unknown; hash?: unknown } = algorithm;
  if (typeof hash === "object" && hash !== null && "name" in hash) return String(hash.name);
  return String(name);
}
