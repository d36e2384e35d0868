import "reflect-metadata";
import { createPrivateKey, type KeyObject, webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";
import { composeV1Request } from "../../shared/choria/compose.ts";
import { createTrust } from "../../shared/choria/trust.ts";
import { validate } from "../../shared/choria/validate.ts";
import { makeTrustSettings, VECTOR_NOW_MS } from "./vectors.ts";

/** Certificates and revocation lists of any shape, in their time at VECTOR_NOW_MS. */

const DAY_MS = 86_400_000;

export interface Pair {
  readonly keys: webcrypto.CryptoKeyPair;
  readonly key: KeyObject;
}

/** Takes a tenth of a second: share pairs where the key does not matter. */
export async function makePair(modulusLength = 2_048): Promise<Pair> {
  const algorithm = {
    name: "RSASSA-PKCS1-v1_5",
    modulusLength,
    publicExponent: new Uint8Array([1, 0, 1]),
    hash: "SHA-256",
  };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const der = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey));
  return { keys, key: createPrivateKey({ key: der, format: "der", type: "pkcs8" }) };
}

export interface Recipe {
  readonly subject: string;
  readonly holder: Pair;
  readonly issuer: string;
  readonly signer: Pair;
  readonly extensions?: readonly x509.Extension[];
  readonly hash?: string;
  readonly serialNumber?: string;
  /** DER; in place of the holder's. */
  readonly publicKey?: Uint8Array<ArrayBuffer>;
  readonly notAfter?: Date;
}

/** PEM. */
export async function issue({ subject, holder, issuer, signer, extensions = [], hash = "SHA-256", ...rest }: Recipe) {
  const certificate = await x509.X509CertificateGenerator.create({
    subject,
    issuer,
    publicKey: rest.publicKey ?? holder.keys.publicKey,
    signingKey: await signingKey(signer, hash),
    signingAlgorithm: { name: "RSASSA-PKCS1-v1_5", hash },
    notBefore: new Date(VECTOR_NOW_MS - DAY_MS),
    notAfter: rest.notAfter ?? new Date(VECTOR_NOW_MS + DAY_MS),
    serialNumber: rest.serialNumber ?? "0a",
    extensions: [...extensions],
  });
  return certificate.toString("pem");
}

/** WebCrypto ties a key to its hash. */
function signingKey({ key, keys }: Pair, hash: string): Promise<webcrypto.CryptoKey> {
  if (hash === "SHA-256") return Promise.resolve(keys.privateKey);
  const der = key.export({ format: "der", type: "pkcs8" });
  return webcrypto.subtle.importKey("pkcs8", der, { name: "RSASSA-PKCS1-v1_5", hash }, true, ["sign"]);
}

export const caExtension = (pathLength?: number) => new x509.BasicConstraintsExtension(true, pathLength, true);

export interface ListRecipe {
  readonly issuer: string;
  readonly signer: Pair;
  /** Of the one certificate it revokes. */
  readonly serialNumber: string;
  readonly dueInMs?: number;
}

/** PEM. */
export async function issueList({ issuer, signer, serialNumber, dueInMs = DAY_MS }: ListRecipe): Promise<string> {
  const list = await x509.X509CrlGenerator.create({
    issuer,
    thisUpdate: new Date(VECTOR_NOW_MS - DAY_MS),
    nextUpdate: new Date(VECTOR_NOW_MS + dueInMs),
    entries: [{ serialNumber, revocationDate: new Date(VECTOR_NOW_MS - DAY_MS) }],
    signingAlgorithm: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
    signingKey: signer.keys.privateKey,
  });
  // The library writes a label of its own; RFC 7468 and every other tool say this.
  return list.toString("pem").replaceAll(" CRL-----", " X509 CRL-----");
}

export interface Presented {
  readonly ca: string;
  readonly certPem: string;
  readonly crlPem?: string;
  readonly privateKey: KeyObject;
}

/** The verdict on a request of `choria=rip.mcollective` that presents the certificates. */
export async function judgeCertificate({ ca, certPem, crlPem = "", privateKey }: Presented) {
  const raw = composeV1Request(
    {
      requestId: "0123456789abcdef0123456789abcdef",
      sender: "shell.example.net",
      caller: "choria=rip.mcollective",
      collective: "mcollective",
      agent: "rpcutil",
      ttlSeconds: 60,
      timeNs: BigInt(VECTOR_NOW_MS) * 1_000_000n,
      payload: "{}",
      replyTo: "dev.null",
      server: null,
    },
    { certPem, privateKey },
  );
  const trust = createTrust(makeTrustSettings({ v1: { caPem: ca, crlPem } }));
  const verdict = await validate(raw, "request", trust, VECTOR_NOW_MS);
  return verdict.ok ? { code: "ok", detail: "" } : verdict.rejection;
}
