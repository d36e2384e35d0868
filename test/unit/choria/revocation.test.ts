import "reflect-metadata";
import assert from "node:assert/strict";
import { before, test } from "node:test";
import * as x509 from "@peculiar/x509";
import { createTrust } from "../../../shared/choria/trust.ts";
import { TrustError } from "../../../shared/choria/trust-error.ts";
import { validate } from "../../../shared/choria/validate.ts";
import { readPem } from "../../../shared/choria/x509/pem.ts";
import { readRevocationList } from "../../../shared/choria/x509/revocation.ts";
import {
  caExtension,
  issue,
  issueLargeList,
  issueList,
  judgeCertificate,
  type LargeListRecipe,
  makePair,
  type Pair,
  requestOf,
} from "../../support/certificates.ts";
import { makeTrustSettings, VECTOR_NOW_MS, vectorFile } from "../../support/vectors.ts";

const DAY_MS = 86_400_000;

let first: Pair;
let second: Pair;
let leaf: Pair;

before(async () => {
  [first, second, leaf] = await Promise.all([makePair(), makePair(), makePair()]);
});

const issueCa = (name: string, pair: Pair) =>
  issue({ subject: `CN=${name}`, holder: pair, issuer: `CN=${name}`, signer: pair, extensions: [caExtension()] });
const issueNamedCa = async (pair: Pair) => {
  const keyId = await x509.SubjectKeyIdentifierExtension.create(pair.keys.publicKey);
  const name = "CN=Same";
  return issue({ subject: name, holder: pair, issuer: name, signer: pair, extensions: [caExtension(), keyId] });
};
const issueLeaf = (name: string, pair: Pair, serialNumber = "0a") =>
  issue({ subject: "CN=rip.mcollective", holder: leaf, issuer: `CN=${name}`, signer: pair, serialNumber });
const derOf = (pem: string) => readPem(pem)?.[0]?.der ?? assert.fail("not PEM");

const largeList = (changes: Partial<LargeListRecipe> = {}) =>
  issueLargeList({
    issuer: "First",
    signer: first,
    serials: [0x0a],
    number: 0x2f,
    nextUpdate: "270101000000Z",
    ...changes,
  });

test("a list says its issuer, number, entries and next update", () => {
  const list = readRevocationList(derOf(largeList({ serials: [0x0a, 0xff01] })));
  const { issuer, number, revokedSerials, thisUpdateMs, nextUpdateMs } = list;
  assert.deepEqual(
    { issuer, number, revokedSerials: [...revokedSerials], thisUpdateMs, nextUpdateMs },
    {
      issuer: "CN=First",
      number: "2f",
      revokedSerials: ["a", "ff01"],
      thisUpdateMs: Date.parse("2026-01-01T00:00:00Z"),
      nextUpdateMs: Date.parse("2027-01-01T00:00:00Z"),
    },
  );
});

test("a list that OpenSSL made is read as it means it", () => {
  const list = readRevocationList(derOf(vectorFile("keys/v1-ca.crl.pem")));
  assert.equal(list.revokedSerials.size, 1);
  assert.equal(list.issuerKeyId, "a6913e5933e955dc51562ea69cca516c1b48b72a");
  assert.ok(Number.isFinite(list.nextUpdateMs), "the vectors' list names a next update");
});

test("a list of 200,000 entries is read in full, in less than the time a server waits for a slow client", async () => {
  const serials = Array.from({ length: 200_000 }, (_, index) => 0x1000 + index);
  const crlPem = largeList({ serials });
  const startedAt = performance.now();
  const trust = createTrust(makeTrustSettings({ v1: { caPem: await issueCa("First", first), crlPem } }));
  const tookMs = performance.now() - startedAt;
  assert.equal(trust.v1?.anchors.revocationLists[0]?.revokedSerials.size, 200_000);
  assert.ok(tookMs < 5_000, `took ${tookMs} ms`);
});

test("a list without entries, or without a next update, is read", () => {
  assert.equal(readRevocationList(derOf(largeList({ serials: [] }))).revokedSerials.size, 0);
  assert.equal(readRevocationList(derOf(largeList({ nextUpdate: null }))).nextUpdateMs, Number.POSITIVE_INFINITY);
});

test("a list that says no time of its update is refused: it could not be told from an older one", () => {
  const list = derOf(largeList({ thisUpdate: "2601010000Z" }));
  assert.throws(() => readRevocationList(list), /says no time of its update/);
});

test("a list is never read by half: cut anywhere it is refused", () => {
  const list = derOf(largeList());
  for (let length = 0; length < list.length; length += 1) {
    assert.throws(() => readRevocationList(list.subarray(0, length)), Error, `${length} bytes`);
  }
});

test("a byte flipped anywhere in a list makes it refused, or not its issuer's", async () => {
  const caPem = await issueCa("First", first);
  const list = derOf(largeList());
  const issuers = createTrust(makeTrustSettings({ v1: { caPem } })).v1?.anchors.certificates.keys() ?? [];
  const [issuer = assert.fail()] = [...issuers];
  assert.equal(readRevocationList(list).isSignedBy(issuer), true);
  for (let at = 0; at < list.length; at += 1) {
    const flipped = Buffer.from(list);
    flipped[at] = (flipped[at] ?? 0) ^ 0x01;
    const isBelieved = (() => {
      try {
        return readRevocationList(flipped).isSignedBy(issuer);
      } catch {
        return false;
      }
    })();
    assert.equal(isBelieved, false, `byte ${at}`);
  }
});

for (const [acceptStaleCrl, code] of [
  [false, "untrusted_cert"],
  [true, "ok"],
] as const) {
  test(`a list past its next update gives ${code} with acceptStaleCrl ${acceptStaleCrl}`, async () => {
    const crlPem = await issueList({ issuer: "CN=First", signer: first, serialNumber: "0c", dueInMs: -1_000 });
    const [ca, certPem] = await Promise.all([issueCa("First", first), issueLeaf("First", first)]);
    const verdict = await judgeCertificate({ ca, certPem, crlPem, acceptStaleCrl, privateKey: leaf.key });
    assert.equal(verdict.code, code, verdict.detail);
  });
}

test("what a stale list revokes stays revoked with acceptStaleCrl", async () => {
  const crlPem = await issueList({ issuer: "CN=First", signer: first, serialNumber: "0a", dueInMs: -1_000 });
  const [ca, certPem] = await Promise.all([issueCa("First", first), issueLeaf("First", first)]);
  const verdict = await judgeCertificate({ ca, certPem, crlPem, acceptStaleCrl: true, privateKey: leaf.key });
  assert.equal(verdict.code, "cert_revoked", verdict.detail);
});

test("several CAs at once: each one's list counts for its own certificates alone", async () => {
  const ca = `${await issueCa("First", first)}\n${await issueCa("Second", second)}`;
  const crlPem = [
    await issueList({ issuer: "CN=First", signer: first, serialNumber: "0a" }),
    await issueList({ issuer: "CN=Second", signer: second, serialNumber: "0b" }),
  ].join("\n");
  const judge = async (name: string, pair: Pair, serial: string) =>
    (await judgeCertificate({ ca, certPem: await issueLeaf(name, pair, serial), crlPem, privateKey: leaf.key })).code;

  const codes = [
    await judge("First", first, "0a"),
    await judge("First", first, "0b"),
    await judge("Second", second, "0a"),
    await judge("Second", second, "0b"),
  ];

  assert.deepEqual(codes, ["cert_revoked", "ok", "ok", "cert_revoked"]);
});

test("several CAs at once: a stale list of one stops its certificates and not the other's", async () => {
  const ca = `${await issueCa("First", first)}\n${await issueCa("Second", second)}`;
  const crlPem = [
    await issueList({ issuer: "CN=First", signer: first, serialNumber: "0c", dueInMs: -1_000 }),
    await issueList({ issuer: "CN=Second", signer: second, serialNumber: "0c" }),
  ].join("\n");
  const judge = async (name: string, pair: Pair) =>
    (await judgeCertificate({ ca, certPem: await issueLeaf(name, pair), crlPem, privateKey: leaf.key })).code;

  assert.deepEqual([await judge("First", first), await judge("Second", second)], ["untrusted_cert", "ok"]);
});

test("a CA that changes its key under one name: both are trusted, and the list of the old revokes nothing of the new", async () => {
  const ca = `${await issueCa("Same", first)}\n${await issueCa("Same", second)}`;
  const crlPem = await issueList({ issuer: "CN=Same", signer: first, serialNumber: "0a" });
  const judge = async (pair: Pair) =>
    (await judgeCertificate({ ca, certPem: await issueLeaf("Same", pair), crlPem, privateKey: leaf.key })).code;

  assert.deepEqual([await judge(first), await judge(second)], ["cert_revoked", "ok"]);
});

test("a CA that writes its name in another way, in string type, letters and spaces, is the same CA: its list counts", async () => {
  const crlPem = largeList({ issuer: " first", textTag: 0x13 }).trim();
  const [ca, certPem] = await Promise.all([issueCa("First", first), issueLeaf("First", first)]);
  const verdict = await judgeCertificate({ ca, certPem, crlPem, privateKey: leaf.key });
  assert.equal(verdict.code, "cert_revoked", verdict.detail);
});

for (const [what, keyOf] of [
  ["the key that has signed", () => second],
  ["another key", () => first],
] as const) {
  test(`a CA that changes its key under one name: a list that names ${what} counts for who has signed it`, async () => {
    const ca = (await Promise.all([first, second].map(issueNamedCa))).join("\n");
    const extensions = [await x509.AuthorityKeyIdentifierExtension.create(keyOf().keys.publicKey)];
    const crlPem = await issueList({ issuer: "CN=Same", signer: second, serialNumber: "0a", extensions });
    const judge = async (pair: Pair) =>
      (await judgeCertificate({ ca, certPem: await issueLeaf("Same", pair), crlPem, privateKey: leaf.key })).code;

    assert.deepEqual([await judge(first), await judge(second)], ["ok", "cert_revoked"]);
  });
}

const foreign: readonly [what: string, list: () => Promise<string>][] = [
  ["a CA that is not trusted", () => issueList({ issuer: "CN=Second", signer: second, serialNumber: "0a" })],
  ["a trusted CA's name by another's key", () => issueList({ issuer: "CN=First", signer: second, serialNumber: "0a" })],
  ["another CA's name by a trusted key", () => issueList({ issuer: "CN=Second", signer: first, serialNumber: "0a" })],
];

for (const [what, list] of foreign) {
  test(`a list of ${what} is refused when trust is read, also beside a good one`, async () => {
    const [caPem, good, other] = await Promise.all([
      issueCa("First", first),
      issueList({ issuer: "CN=First", signer: first, serialNumber: "0a" }),
      list(),
    ]);
    for (const crlPem of [other, `${good}\n${other}`]) {
      assert.throws(
        () => createTrust(makeTrustSettings({ v1: { caPem, crlPem } })),
        (error) => error instanceof TrustError && error.code === "TRUST_FOREIGN_CRL" && /trust\.v1\.ca/.test(error.fix),
      );
    }
  });
}

/** A certificate and a list that is due a day after VECTOR_NOW_MS, as of two moments. */
async function judgeAt(moments: readonly (readonly [nowMs: number, revocationMs: number])[], serialNumber = "0c") {
  const crlPem = await issueList({ issuer: "CN=First", signer: first, serialNumber, dueInMs: DAY_MS / 2 });
  const [caPem, certPem] = await Promise.all([issueCa("First", first), issueLeaf("First", first)]);
  const trust = createTrust(makeTrustSettings({ v1: { caPem, crlPem } }));
  const raw = requestOf({ certPem, privateKey: leaf.key });
  const codes: string[] = [];
  for (const [nowMs, revocationMs] of moments) {
    const verdict = await validate(raw, "request", trust, nowMs, revocationMs);
    codes.push(verdict.ok ? "ok" : verdict.rejection.code);
  }
  return codes;
}

test("a stored message is judged by the time it was stored, and by what is revoked now", async () => {
  const yearsLater = VECTOR_NOW_MS + 3_000 * DAY_MS;
  assert.deepEqual(await judgeAt([[VECTOR_NOW_MS, VECTOR_NOW_MS + 1_000]], "0a"), ["cert_revoked"]);
  assert.deepEqual(await judgeAt([[VECTOR_NOW_MS, yearsLater]]), ["untrusted_cert"], "the list is stale by now");
});

test("a remembered certificate is held against the lists as of now, whatever the message's own time", async () => {
  const later = VECTOR_NOW_MS + DAY_MS / 2;
  const codes = await judgeAt([
    [VECTOR_NOW_MS, VECTOR_NOW_MS],
    [VECTOR_NOW_MS, later],
    [VECTOR_NOW_MS, later + 1],
    [VECTOR_NOW_MS, VECTOR_NOW_MS],
  ]);
  assert.deepEqual(codes, ["ok", "ok", "untrusted_cert", "ok"]);
});
