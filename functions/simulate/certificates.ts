import "reflect-metadata"; // @peculiar/x509's container asks for it before it is loaded
import { KeyObject, webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";

const RSA = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
const RSA_2048 = { ...RSA, modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) };
const DAY_MS = 86_400_000;
const CA_LIFE_MS = 20 * 365 * DAY_MS;

x509.cryptoProvider.set(webcrypto);

/** An RSA-2048 key; generated in libuv's pool, about 0.2 s of one core. */
export async function generateRsaKey(): Promise<KeyObject> {
  const { privateKey } = await webcrypto.subtle.generateKey(RSA_2048, true, ["sign", "verify"]);
  return KeyObject.from(privateKey);
}

const privateHalf = (key: KeyObject) =>
  webcrypto.subtle.importKey("pkcs8", key.export({ format: "der", type: "pkcs8" }), RSA, true, ["sign"]);

async function publicHalf(key: KeyObject): Promise<x509.PublicKey> {
  const { n, e } = key.export({ format: "jwk" });
  const jwk = { kty: "RSA", n: n ?? "", e: e ?? "" };
  return x509.PublicKey.create(await webcrypto.subtle.importKey("jwk", jwk, RSA, true, ["verify"]));
}

export interface CertificateRequest {
  readonly commonName: string;
  readonly serial: number;
  readonly key: KeyObject;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** A self-signed certificate authority, PEM. */
export async function issueCa(commonName: string, key: KeyObject, now: Date): Promise<string> {
  const signingKey = await privateHalf(key);
  const publicKey = await publicHalf(key);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: "01",
    subject: `CN=${commonName}`,
    issuer: `CN=${commonName}`,
    notBefore: new Date(now.getTime() - DAY_MS),
    notAfter: new Date(now.getTime() + CA_LIFE_MS),
    signingAlgorithm: RSA,
    signingKey,
    publicKey,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
    ],
  });
  return `${certificate.toString("pem")}\n`;
}

/** Signs node certificates as one authority; keeps what is the same for all of them. */
export class CertificateIssuer {
  readonly #issuer: string;
  readonly #signingKey: Promise<webcrypto.CryptoKey>;
  readonly #authorityKey: Promise<x509.AuthorityKeyIdentifierExtension>;
  readonly #publicHalves = new Map<KeyObject, Promise<x509.PublicKey>>();

  constructor(caPem: string, caKey: KeyObject) {
    const ca = new x509.X509Certificate(caPem);
    this.#issuer = ca.subject;
    this.#signingKey = privateHalf(caKey);
    this.#authorityKey = x509.AuthorityKeyIdentifierExtension.create(ca.publicKey);
  }

  /** A node certificate as Puppet's CA makes them: the name is CN and DNS SAN, for client and server use. PEM. */
  async issue(request: CertificateRequest): Promise<string> {
    const publicKey = await this.#publicHalf(request.key);
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: request.serial.toString(16).padStart(16, "0"),
      subject: `CN=${request.commonName}`,
      issuer: this.#issuer,
      notBefore: request.notBefore,
      notAfter: request.notAfter,
      signingAlgorithm: RSA,
      signingKey: await this.#signingKey,
      publicKey,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyEncipherment, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
        new x509.SubjectAlternativeNameExtension([{ type: "dns", value: request.commonName }]),
        await this.#authorityKey,
      ],
    });
    return `${certificate.toString("pem")}\n`;
  }

  #publicHalf(key: KeyObject): Promise<x509.PublicKey> {
    const known = this.#publicHalves.get(key) ?? publicHalf(key);
    this.#publicHalves.set(key, known);
    return known;
  }
}
