import "reflect-metadata";
import { webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const DAY_MS = 86_400_000;

export interface PemPair {
  readonly cert: string;
  readonly key: string;
}

export interface TestAuthority {
  readonly ca: string;
  /** A certificate for 127.0.0.1 that serves both ends of a connection; valid for a day unless another end is given. */
  issue(name: string, notAfter?: Date): Promise<PemPair>;
}

/** A certificate authority for TLS tests; nothing it signs outlives the day. */
export async function makeTlsAuthority(): Promise<TestAuthority> {
  const keys = await makeKeys();
  const validity = { notBefore: new Date(Date.now() - DAY_MS), notAfter: new Date(Date.now() + DAY_MS) };
  const ca = await x509.X509CertificateGenerator.createSelfSigned(
    {
      ...validity,
      name: "CN=Test CA",
      keys,
      signingAlgorithm: ALGORITHM,
      extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
    },
    webcrypto,
  );
  const issue = async (name: string, notAfter = validity.notAfter): Promise<PemPair> => {
    const own = await makeKeys();
    const cert = await x509.X509CertificateGenerator.create(
      {
        ...{ ...validity, notAfter },
        subject: `CN=${name}`,
        issuer: ca.subject,
        publicKey: own.publicKey,
        signingKey: keys.privateKey,
        signingAlgorithm: ALGORITHM,
        extensions: [new x509.SubjectAlternativeNameExtension([{ type: "ip", value: "127.0.0.1" }])],
      },
      webcrypto,
    );
    return { cert: cert.toString("pem"), key: await pemOf(own.privateKey) };
  };
  return { ca: ca.toString("pem"), issue };
}

async function makeKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
}

async function pemOf(key: webcrypto.CryptoKey): Promise<string> {
  return x509.PemConverter.encode(await webcrypto.subtle.exportKey("pkcs8", key), "PRIVATE KEY");
}
