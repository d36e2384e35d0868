import assert from "node:assert/strict";
import { createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { KeyCache } from "../../../shared/choria/key-cache.ts";
import { CLIENT, SERVER } from "../../../shared/choria/token/claims.ts";
import { tokenForm } from "../../../shared/choria/token/compact.ts";
import { certificateForm } from "../../../shared/choria/x509/compact.ts";

const RSA_KEYS = [2_048, 4_096].map((modulusLength) => generateKeyPairSync("rsa", { modulusLength }).publicKey);
const OTHER_KEY = generateKeyPairSync("rsa", { modulusLength: 2_048 }).publicKey;
const ED25519_KEYS = [0, 1].map(() => generateKeyPairSync("ed25519").publicKey);
const ANCHORS = ["ab".repeat(32), "cd".repeat(32)];

const TEXT = "the token itself";

/** PEM with the key somewhere in it, wrapped in any way and with remarks; or with another key, or none. */
const certificateText = fc
  .record({
    before: fc.uint8Array({ maxLength: 90 }),
    after: fc.uint8Array({ maxLength: 90 }),
    width: fc.constantFrom(1, 7, 64, 76, 10_000),
    lineEnd: fc.constantFrom("\n", "\r\n", "\n \t"),
    remark: fc.oneof(fc.string({ unit: "binary", maxLength: 50 }), fc.constant("x".repeat(70_000))),
    other: fc.boolean(),
  })
  .map(({ before, after, width, lineEnd, remark, other }) => (key: KeyObject) => {
    const bytes = (other ? OTHER_KEY : key).export({ format: "der", type: "pkcs1" });
    const lines = Buffer.concat([before, bytes, after])
      .toString("base64")
      .match(new RegExp(`.{1,${width}}`, "g"));
    const body = `-----BEGIN CERTIFICATE-----${lineEnd}${lines?.join(lineEnd)}${lineEnd}-----END CERTIFICATE-----`;
    return `${remark}${lineEnd}${body}${lineEnd}${remark}`;
  });

const moment = fc.oneof(fc.integer({ min: 0, max: 4e12 }), fc.double({ min: 0, max: 4e12, noNaN: true }));
const name = fc.string({ unit: "binary", maxLength: 300 });

test("a proven certificate comes back from its bytes as it was, whatever its names", () => {
  const form = certificateForm(1);
  const certificate = fc.record({
    notBeforeMs: moment,
    expiresMs: moment,
    listsFreshUntilMs: fc.oneof(moment, fc.constant(Number.POSITIVE_INFINITY)),
    key: fc.constantFrom(...RSA_KEYS),
    names: fc.array(name, { maxLength: 20 }),
  });
  fc.assert(
    fc.property(certificate, certificateText, (proven, textOf) => {
      const text = textOf(proven.key);
      const { key, ...rest } = form.read(form.write(proven, text), text);
      assert.ok(key.equals(proven.key));
      assert.deepEqual({ ...rest, key: proven.key }, { ...proven });
    }),
  );
});

test("of a certificate's key nothing is kept when its text has it", () => {
  const [key = assert.fail()] = RSA_KEYS;
  const entry = { notBeforeMs: 0, expiresMs: 1, listsFreshUntilMs: 1, key, names: ["n1.example.net"] };
  const spki = key.export({ format: "pem", type: "spki" }).toString().replaceAll("PUBLIC KEY", "CERTIFICATE");
  const write = (text: string) => certificateForm(1).write(entry, text).length;

  assert.ok(write(spki) < 60);
  assert.equal(write("no PEM") - write(spki), key.export({ format: "der", type: "pkcs1" }).length);
});

test("a proven token comes back from its bytes as it was, whatever it claims", () => {
  const form = tokenForm(ANCHORS, 1);
  const claims = fc.record(
    {
      purpose: fc.constantFrom(CLIENT, SERVER),
      callerId: fc.option(name),
      identity: fc.option(name),
      collectives: fc.array(name, { maxLength: 5 }),
      permissions: fc.array(name, { maxLength: 5 }).map((names) => new Set(names)),
    },
    { noNullPrototype: true },
  );
  const token = fc.record({
    notBeforeMs: moment,
    expiresMs: moment,
    anchor: fc.constantFrom(...ANCHORS),
    holder: fc.option(fc.constantFrom(...ED25519_KEYS)),
    claims,
  });
  fc.assert(
    fc.property(token, (proven) => {
      const { holder, ...rest } = form.read(form.write(proven, TEXT), TEXT);
      assert.equal(holder?.equals(proven.holder as KeyObject) ?? null, proven.holder === null ? null : true);
      assert.deepEqual({ ...rest, holder: proven.holder }, { ...proven });
    }),
  );
});

test("a token for any other purpose is not remembered as one of these", () => {
  const claims = {
    purpose: "choria_other",
    callerId: null,
    identity: "n1",
    collectives: [],
    permissions: new Set<string>(),
  };
  const token = { notBeforeMs: 0, expiresMs: 1, anchor: ANCHORS[0] ?? "", holder: null, claims };

  assert.throws(() => tokenForm(ANCHORS, 1).write(token, TEXT));
});

test("keys are made once while they are in use, and the least recently used are forgotten", () => {
  let made = 0;
  const cache = new KeyCache(2, (key) => {
    made += 1;
    return createPublicKey({ key, format: "der", type: "pkcs1" });
  });
  const [a, b, c] = [0, 1, 2].map(() =>
    generateKeyPairSync("rsa", { modulusLength: 2_048 }).publicKey.export({ format: "der", type: "pkcs1" }),
  ) as [Buffer, Buffer, Buffer];

  for (const bytes of [a, b, a, c, a]) cache.get(bytes);
  assert.equal(made, 3);
  cache.get(b);
  assert.equal(made, 4);
});
