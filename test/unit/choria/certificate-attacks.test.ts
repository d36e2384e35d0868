import "reflect-metadata";
import assert from "node:assert/strict";
import { before, test } from "node:test";
import * as x509 from "@peculiar/x509";
import {
  caExtension,
  issue,
  issueList,
  judgeCertificate,
  makePair,
  type Pair,
  type Recipe,
} from "../../support/certificates.ts";
import { VECTOR_NOW_MS } from "../../support/vectors.ts";

let root: Pair;
let middle: Pair;
let rogue: Pair;
let leaf: Pair;
let ca: string;

before(async () => {
  [root, middle, rogue, leaf] = await Promise.all([makePair(), makePair(), makePair(), makePair()]);
  ca = await issue({ subject: "CN=Root", holder: root, issuer: "CN=Root", signer: root, extensions: [caExtension()] });
});

const issueMiddle = (changes: Partial<Recipe> = {}) =>
  issue({
    ...{ subject: "CN=Middle", holder: middle, issuer: "CN=Root", signer: root, serialNumber: "0b" },
    extensions: [caExtension()],
    ...changes,
  });
const issueLeaf = (changes: Partial<Recipe> = {}) =>
  issue({ subject: "CN=rip.mcollective", holder: leaf, issuer: "CN=Middle", signer: middle, ...changes });
const judge = async (certificates: readonly string[], crlPem = "") =>
  judgeCertificate({ ca, certPem: certificates.join("\n"), crlPem, privateKey: leaf.key });

const past = { notAfter: new Date(VECTOR_NOW_MS - 1_000) };
const noCertSign = new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true);
const serverOnly = new x509.ExtendedKeyUsageExtension(["1.3.6.1.5.5.7.3.1"]);
const forged = () => issueMiddle({ holder: rogue, signer: rogue });

const chains: readonly [string, () => Promise<string>[], string][] = [
  [
    "an intermediate that may not sign",
    () => [issueLeaf(), issueMiddle({ extensions: [caExtension(), noCertSign] })],
    "untrusted_cert",
  ],
  ["an expired intermediate", () => [issueLeaf(), issueMiddle(past)], "cert_expired"],
  ["an expired intermediate beside its renewal", () => [issueLeaf(), issueMiddle(past), issueMiddle()], "ok"],
  [
    "an intermediate for servers",
    () => [issueLeaf(), issueMiddle({ extensions: [caExtension(), serverOnly] })],
    "cert_usage",
  ],
  [
    "a forged intermediate of the same name",
    () => [issueLeaf({ signer: rogue }), forged(), issueMiddle()],
    "untrusted_cert",
  ],
  ["a forged intermediate before the genuine one", () => [issueLeaf(), forged(), issueMiddle()], "ok"],
  [
    "an intermediate that signs beyond its path length",
    () => [
      issueLeaf({ issuer: "CN=Low", signer: rogue }),
      issue({ subject: "CN=Low", holder: rogue, issuer: "CN=Middle", signer: middle, extensions: [caExtension()] }),
      issueMiddle({ extensions: [caExtension(0)] }),
    ],
    "untrusted_cert",
  ],
  ["another's certificate first", () => [issueMiddle(), issueLeaf()], "caller_mismatch"],
];

for (const [name, certificates, code] of chains) {
  test(`chains: ${name} gives ${code}`, async () => {
    const verdict = await judge(await Promise.all(certificates()));
    assert.equal(verdict.code, code, verdict.detail);
  });
}

const lists: readonly [string, () => Promise<string>, string][] = [
  [
    "of the root names the intermediate",
    () => issueList({ issuer: "CN=Root", signer: root, serialNumber: "0b" }),
    "cert_revoked",
  ],
  ["of the root names another", () => issueList({ issuer: "CN=Root", signer: root, serialNumber: "0c" }), "ok"],
  [
    "of the root is past its next update",
    () => issueList({ issuer: "CN=Root", signer: root, serialNumber: "0c", dueInMs: -1_000 }),
    "untrusted_cert",
  ],
  [
    "of the root is past its next update and names the intermediate",
    () => issueList({ issuer: "CN=Root", signer: root, serialNumber: "0b", dueInMs: -1_000 }),
    "cert_revoked",
  ],
  [
    "of the intermediate names the leaf",
    () => issueList({ issuer: "CN=Middle", signer: middle, serialNumber: "0a" }),
    "cert_revoked",
  ],
  [
    "of the intermediate is past its next update",
    () => issueList({ issuer: "CN=Middle", signer: middle, serialNumber: "0c", dueInMs: -1_000 }),
    "untrusted_cert",
  ],
];

for (const [name, list, code] of lists) {
  test(`revocation: a list ${name}: ${code}`, async () => {
    const [certPem, middlePem, crlPem] = await Promise.all([issueLeaf(), issueMiddle(), list()]);
    const configured = { ca: `${ca}\n${middlePem}`, crlPem, privateKey: leaf.key };
    const verdicts = [
      await judgeCertificate({ ...configured, certPem: `${certPem}\n${middlePem}` }),
      await judgeCertificate({ ...configured, certPem }),
    ];
    // That the intermediate is configured too must be no way round the root's list.
    assert.deepEqual(
      verdicts.map((verdict) => verdict.code),
      [code, code],
      verdicts[0]?.detail,
    );
  });
}

test("revocation: an intermediate that comes with the message alone is held against the root's list", async () => {
  const crlPem = await issueList({ issuer: "CN=Root", signer: root, serialNumber: "0b" });
  const verdict = await judge(await Promise.all([issueLeaf(), issueMiddle()]), crlPem);
  assert.equal(verdict.code, "cert_revoked", verdict.detail);
});

test("revocation: a root that another CA has signed too is not revoked with that signature", async () => {
  const other = rogue;
  const extensions = [caExtension()];
  const pems = await Promise.all([
    issue({ subject: "CN=Middle", holder: middle, issuer: "CN=Middle", signer: middle, extensions }),
    issue({ subject: "CN=Middle", holder: middle, issuer: "CN=Other", signer: other, serialNumber: "0b", extensions }),
    issue({ subject: "CN=Other", holder: other, issuer: "CN=Other", signer: other, extensions }),
  ]);
  const crlPem = await issueList({ issuer: "CN=Other", signer: other, serialNumber: "0b" });
  const judged = { certPem: await issueLeaf(), crlPem, privateKey: leaf.key };
  const codes = [
    (await judgeCertificate({ ...judged, ca: pems.join("\n") })).code,
    (await judgeCertificate({ ...judged, ca: pems.slice(1).join("\n") })).code,
  ];
  assert.deepEqual(codes, ["ok", "cert_revoked"]);
});

const dns = (value: string) => new x509.SubjectAlternativeNameExtension([{ type: "dns", value }]);
const names: readonly [string, Partial<Recipe>, string][] = [
  ["a DNS name", { subject: "O=x", extensions: [dns("rip.mcollective")] }, "ok"],
  ["a wildcard", { subject: "O=x", extensions: [dns("*.mcollective")] }, "caller_mismatch"],
  ["a name cut by NUL", { subject: "O=x", extensions: [dns("rip.mcollective\0.evil")] }, "caller_mismatch"],
  ["a list within one name", { subject: "O=x", extensions: [dns("evil, DNS:rip.mcollective")] }, "caller_mismatch"],
  [
    "other kinds of names",
    {
      subject: "O=x",
      extensions: [
        new x509.SubjectAlternativeNameExtension([
          { type: "email", value: "rip.mcollective" },
          { type: "url", value: "rip.mcollective" },
        ]),
      ],
    },
    "caller_mismatch",
  ],
  ["a comma within the common name", { subject: "CN=evil\\, CN=rip.mcollective" }, "caller_mismatch"],
  ["the first of two common names", { subject: "CN=rip.mcollective, CN=other" }, "caller_mismatch"],
  ["the last of two common names", { subject: "CN=other, CN=rip.mcollective" }, "ok"],
  ["capitals", { subject: "CN=RIP.mcollective" }, "caller_mismatch"],
];

for (const [name, changes, code] of names) {
  test(`names: ${name} gives ${code}`, async () => {
    const verdict = await judge([await issueLeaf({ issuer: "CN=Root", signer: root, ...changes })]);
    assert.equal(verdict.code, code, verdict.detail);
  });
}
