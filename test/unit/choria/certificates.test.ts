import "reflect-metadata";
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { before, test } from "node:test";
import * as x509 from "@peculiar/x509";
import { findPaths } from "../../../shared/choria/x509/path.ts";
import {
  caExtension,
  issue,
  judgeCertificate,
  makePair,
  type Pair,
  type Presented,
  type Recipe,
} from "../../support/certificates.ts";
import { VECTOR_NOW_MS } from "../../support/vectors.ts";

const NAME_CONSTRAINTS = "2.5.29.30";
const DER_EMPTY_SEQUENCE = Buffer.from("3000", "hex");

/** Key pairs take a tenth of a second each: all certificates here share these. */
let root: Pair;
let middle: Pair;
let leaf: Pair;

before(async () => {
  [root, middle, leaf] = await Promise.all([makePair(), makePair(), makePair()]);
});

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

type Judged = Omit<Presented, "privateKey"> & Partial<Presented>;
const judge = (presented: Judged) => judgeCertificate({ privateKey: leaf.key, ...presented });

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
