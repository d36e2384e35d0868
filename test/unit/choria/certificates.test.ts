import "reflect-metadata";
import assert from "node:assert/strict";
import { createPrivateKey, type KeyObject, webcrypto, X509Certificate } from "node:crypto";
import { before, test } from "node:test";
import * as x509 from "@peculiar/x509";
import { composeV1Request, type V1Credential } from "../../../shared/choria/compose.ts";
import { createTrust } from "../../../shared/choria/trust.ts";
import { validate } from "../../../shared/choria/validate.ts";
import { findPaths } from "../../../shared/choria/x509/path.ts";
import { makeTrustSettings, VECTOR_NOW_MS } from "../../support/vectors.ts";

const DAY_MS = 86_400_000;
const NAME_CONSTRAINTS = "2.5.29.30";
const DER_EMPTY_SEQUENCE = Buffer.from("3000", "hex");

interface Pair {
  readonly keys: webcrypto.CryptoKeyPair;
  readonly key: KeyObject;
}

/** Key pairs take a tenth of a second each: all certificates here share these. */
let root: Pair;
let middle: Pair;
let leaf: Pair;

before(async () => {
  [root, middle, leaf] = await Promise.all([makePair(), makePair(), makePair()]);
});

async function makePair(modulusLength = 2_048): Promise<Pair> {
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

interface Recipe {
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

async function issue({ subject, holder, issuer, signer, extensions = [], hash = "SHA-256", ...rest }: Recipe) {
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

const caExtension = (pathLength?: number) => new x509.BasicConstraintsExtension(true, pathLength, true);
const issueRoot = (extensions: readonly x509.Extension[] = [], serialNumber = "0a") =>
  issue({
    serialNumber,
    subject: "CN=Root",
    holder: root,
    issuer: "CN=Root",
    signer: root,
    extensions: [caExtension(), ...extensions],
  });
const issueMiddle = (extensions: readonly x509.Extension[] = [caExtension()]) =>
  issue({ subject: "CN=Middle", holder: middle, issuer: "CN=Root", signer: root, extensions });
const issueLeaf = (changes: Partial<Recipe> = {}) =>
  issue({ subject: "CN=rip.mcollective", holder: leaf, issuer: "CN=Root", signer: root, ...changes });

interface Judged {
  readonly ca: string;
  readonly certPem: string;
  readonly crlPem?: string;
  readonly privateKey?: KeyObject;
}

async function judge({ ca, certPem, crlPem = "", privateKey = leaf.key }: Judged) {
  const credential: V1Credential = { certPem, privateKey };
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
    credential,
  );
  const trust = createTrust(makeTrustSettings({ v1: { caPem: ca, crlPem } }));
  const verdict = await validate(raw, "request", trust, VECTOR_NOW_MS);
  return verdict.ok ? { code: "ok", detail: "" } : verdict.rejection;
}

test("a certificate right below the anchor is accepted", async () => {
  assert.equal((await judge({ ca: await issueRoot(), certPem: await issueLeaf() })).code, "ok");
});

const below = { issuer: "CN=Middle" };
const chains: readonly [string, () => Promise<Judged>, string, RegExp][] = [
  [
    "an intermediate that is sent along, after other certificates and text",
    async () => {
      const chain = [await issueLeaf({ ...below, signer: middle }), "a remark", await issueLeaf(), await issueMiddle()];
      return { ca: await issueRoot(), certPem: chain.join("\n") };
    },
    ...(["ok", /^$/] as const),
  ],
  [
    "an intermediate that is no CA",
    async () => {
      const certPem = `${await issueLeaf({ ...below, signer: middle })}\n${await issueMiddle([])}`;
      return { ca: await issueRoot(), certPem };
    },
    ...(["untrusted_cert", /CN=Middle.* is no CA/] as const),
  ],
  [
    "a path longer than the root allows",
    async () => {
      const ca = await issue({
        ...{ subject: "CN=Root", holder: root, issuer: "CN=Root", signer: root },
        extensions: [caExtension(0)],
      });
      return { ca, certPem: `${await issueLeaf({ ...below, signer: middle })}\n${await issueMiddle()}` };
    },
    ...(["untrusted_cert", /allows 0 intermediates/] as const),
  ],
  [
    "an unknown critical extension",
    async () => {
      const extensions = [new x509.Extension("1.2.3.4", true, DER_EMPTY_SEQUENCE)];
      return { ca: await issueRoot(), certPem: await issueLeaf({ extensions }) };
    },
    ...(["untrusted_cert", /unknown critical extension 1\.2\.3\.4/] as const),
  ],
  [
    "an unknown extension that is not critical",
    async () => {
      const extensions = [new x509.Extension("1.2.3.4", false, DER_EMPTY_SEQUENCE)];
      return { ca: await issueRoot(), certPem: await issueLeaf({ extensions }) };
    },
    ...(["ok", /^$/] as const),
  ],
  [
    "name constraints on the root",
    async () => {
      const extensions = [new x509.Extension(NAME_CONSTRAINTS, false, DER_EMPTY_SEQUENCE)];
      return { ca: await issueRoot(extensions), certPem: await issueLeaf() };
    },
    ...(["untrusted_cert", /name constraints/] as const),
  ],
  [
    "a SHA-1 signature",
    async () => ({ ca: await issueRoot(), certPem: await issueLeaf({ hash: "SHA-1" }) }),
    ...(["untrusted_cert", /signed with SHA-1/] as const),
  ],
  [
    "any extended key usage",
    async () => {
      const extensions = [new x509.ExtendedKeyUsageExtension(["2.5.29.37.0"])];
      return { ca: await issueRoot(), certPem: await issueLeaf({ extensions }) };
    },
    ...(["ok", /^$/] as const),
  ],
  [
    "an expired certificate",
    async () => ({
      ca: await issueRoot(),
      certPem: await issueLeaf({ notAfter: new Date(VECTOR_NOW_MS - 1_000) }),
    }),
    ...(["cert_expired", /serial a\) expired at 2026-06-01T11:59:59/] as const),
  ],
  [
    "a key beside the certificate",
    async () => {
      const key = String(leaf.key.export({ format: "pem", type: "pkcs8" }));
      return { ca: await issueRoot(), certPem: `${await issueLeaf()}\n${key}` };
    },
    ...(["bad_pubcert", /no certificate/] as const),
  ],
  [
    "eleven certificates",
    async () => ({
      ca: await issueRoot(),
      certPem: Array(11)
        .fill(await issueLeaf())
        .join("\n"),
    }),
    ...(["bad_pubcert", /more than 10/] as const),
  ],
];

for (const [name, make, code, detail] of chains) {
  test(`certificates: ${name} gives ${code}`, async () => {
    const verdict = await judge(await make());
    assert.equal(verdict.code, code, verdict.detail);
    assert.match(verdict.detail, detail);
  });
}

test("a root that is sent along many times, in its own renewals too, opens no further paths", async () => {
  const serials = Array.from({ length: 9 }, (_, index) => `0${index + 1}`);
  const renewals = await Promise.all(serials.map((serialNumber) => issueRoot([], serialNumber)));
  const leafPem = await issueLeaf();
  const parse = (pem: string) => new X509Certificate(pem);

  const copies = findPaths([leafPem, ...Array(9).fill(renewals[0])].map(parse), [parse(renewals[0] ?? "")]);
  const renewed = findPaths([leafPem, ...renewals].map(parse), [parse(renewals[0] ?? "")]);

  assert.deepEqual([copies.length, renewed.length], [1, 1]);
});

test("a certificate whose key OpenSSL cannot read is refused for its key", async () => {
  const unknownKey = Buffer.from("300d300806062a030405060703010000", "hex");
  const certPem = await issueLeaf({ publicKey: unknownKey });
  const verdict = await judge({ ca: await issueRoot(), certPem });
  assert.equal(verdict.code, "unsupported_key", verdict.detail);
});

test("an RSA key of 1024 bits is refused", async () => {
  const weak = await makePair(1_024);
  const certPem = await issueLeaf({ holder: weak });
  assert.equal((await judge({ ca: await issueRoot(), certPem, privateKey: weak.key })).code, "unsupported_key");
});

async function issueCrl(serialNumber: string, nextUpdate: Date): Promise<string> {
  const list = await x509.X509CrlGenerator.create({
    issuer: "CN=Root",
    thisUpdate: new Date(VECTOR_NOW_MS - DAY_MS),
    nextUpdate,
    entries: [{ serialNumber, revocationDate: new Date(VECTOR_NOW_MS - DAY_MS) }],
    signingAlgorithm: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
    signingKey: root.keys.privateKey,
  });
  // The library writes a label of its own; RFC 7468 and every other tool say this.
  return list.toString("pem").replaceAll(" CRL-----", " X509 CRL-----");
}

const lists: readonly [string, string, number, string][] = [
  ["that names the certificate", "0a", DAY_MS, "cert_revoked"],
  ["that names another", "0b", DAY_MS, "ok"],
  ["past its next update", "0b", -1_000, "untrusted_cert"],
  ["past its next update that names the certificate", "0a", -1_000, "cert_revoked"],
];

for (const [name, serial, dueInMs, code] of lists) {
  test(`a revocation list ${name} gives ${code}`, async () => {
    const crlPem = await issueCrl(serial, new Date(VECTOR_NOW_MS + dueInMs));
    const verdict = await judge({ ca: await issueRoot(), certPem: await issueLeaf(), crlPem });
    assert.equal(verdict.code, code, verdict.detail);
  });
}
