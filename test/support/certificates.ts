import "reflect-metadata";
import { createPrivateKey, type KeyObject, sign, webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";
import { composeV1Request } from "../../shared/choria/compose.ts";
import { createTrust } from "../../shared/choria/trust.ts";
import { validate } from "../../shared/choria/validate.ts";
import { makeFields, makeTrustSettings, VECTOR_NOW_MS } from "./vectors.ts";

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
  readonly extensions?: readonly x509.Extension[];
}

/** PEM. */
export async function issueList(recipe: ListRecipe): Promise<string> {
  const { issuer, signer, serialNumber, dueInMs = DAY_MS, extensions = [] } = recipe;
  const list = await x509.X509CrlGenerator.create({
    issuer,
    thisUpdate: new Date(VECTOR_NOW_MS - DAY_MS),
    nextUpdate: new Date(VECTOR_NOW_MS + dueInMs),
    entries: [{ serialNumber, revocationDate: new Date(VECTOR_NOW_MS - DAY_MS) }],
    extensions: [...extensions],
    signingAlgorithm: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
    signingKey: signer.keys.privateKey,
  });
  // The library writes a label of its own; RFC 7468 and every other tool say this.
  return list.toString("pem").replaceAll(" CRL-----", " X509 CRL-----");
}

/** A DER element. */
export function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents);
  if (content.length < 0x80) return Buffer.concat([Buffer.from([tag, content.length]), content]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(content.length);
  return Buffer.concat([Buffer.from([tag, 0x84]), length, content]);
}

export interface LargeListRecipe {
  /** Common name alone. */
  readonly issuer: string;
  readonly signer: Pair;
  readonly serials: readonly number[];
  readonly number: number;
  readonly thisUpdate?: string;
  /** Null: the list names no next update. */
  readonly nextUpdate: string | null;
  /** Of the issuer's name; UTF8String unless given. */
  readonly textTag?: number;
}

const SHA256_WITH_RSA = Buffer.from("300d06092a864886f70d01010b0500", "hex");

/** PEM. By hand: the library takes minutes for a list of many entries, and cannot read it. */
export function issueLargeList({ issuer, signer, serials, number, nextUpdate, ...rest }: LargeListRecipe): string {
  const time = (text: string) => der(0x17, Buffer.from(text, "latin1"));
  const integer = (value: number) => {
    const bytes = Buffer.alloc(6);
    bytes.writeUIntBE(value, 0, 6);
    return der(0x02, bytes);
  };
  const commonName = der(0x30, Buffer.from("0603550403", "hex"), der(rest.textTag ?? 0x0c, Buffer.from(issuer)));
  const entries = serials.map((serial) => der(0x30, integer(serial), time("260101000000Z")));
  const numberExtension = der(0x30, Buffer.from("0603551d14", "hex"), der(0x04, integer(number)));
  const signed = der(
    0x30,
    der(0x02, Buffer.from([1])),
    SHA256_WITH_RSA,
    der(0x30, der(0x31, commonName)),
    time(rest.thisUpdate ?? "260101000000Z"),
    ...(nextUpdate === null ? [] : [time(nextUpdate)]),
    ...(entries.length === 0 ? [] : [der(0x30, Buffer.concat(entries))]),
    der(0xa0, der(0x30, numberExtension)),
  );
  const signature = sign("sha256", signed, signer.key);
  const list = der(0x30, signed, SHA256_WITH_RSA, der(0x03, Buffer.from([0]), signature));
  const body = list.toString("base64").replace(/.{64}/g, "$&\n");
  return `-----BEGIN X509 CRL-----\n${body}\n-----END X509 CRL-----\n`;
}

export interface Presented {
  readonly ca: string;
  readonly certPem: string;
  readonly crlPem?: string;
  readonly acceptStaleCrl?: boolean;
  readonly privateKey: KeyObject;
}

/** The verdict on a request of `choria=rip.mcollective` that presents the certificates. */
export async function judgeCertificate({ ca, crlPem = "", acceptStaleCrl = false, ...presented }: Presented) {
  const trust = createTrust(makeTrustSettings({ v1: { caPem: ca, crlPem, acceptStaleCrl } }));
  const verdict = await validate(requestOf(presented), "request", trust, VECTOR_NOW_MS);
  return verdict.ok ? { code: "ok", detail: "" } : verdict.rejection;
}

/** A request of `choria=rip.mcollective` at VECTOR_NOW_MS. */
export function requestOf({ certPem, privateKey }: Pick<Presented, "certPem" | "privateKey">): Buffer {
  return composeV1Request(makeFields(), { certPem, privateKey });
}
