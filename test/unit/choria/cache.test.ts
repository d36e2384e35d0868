import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type CompactForm, CredentialCache, digested } from "../../../shared/choria/cache.ts";
import { createTrust } from "../../../shared/choria/trust.ts";
import { validate } from "../../../shared/choria/validate.ts";
import { makeTrustSettings, VECTOR_NOW_MS, vectorBytes, vectorFile } from "../../support/vectors.ts";

const makeEntry = (name: string, notBeforeMs = 0, expiresMs = 100) => ({ name, notBeforeMs, expiresMs });
type Entry = ReturnType<typeof makeEntry>;

const AS_JSON: CompactForm<Entry> = {
  write: (entry) => Buffer.from(JSON.stringify(entry)),
  read: (bytes) => JSON.parse(bytes.toString()) as Entry,
};

/** A cache whose keys are those of short texts. */
function makeCache(maxEntries: number) {
  const cache = new CredentialCache(maxEntries, AS_JSON);
  return {
    get: (name: string, nowMs: number) => cache.get(digested(name), nowMs),
    set: (name: string, entry: Entry) => cache.set(digested(name), entry),
    size: () => cache.size,
  };
}

test("an entry is used from its first moment until just before it expires", () => {
  const cases: readonly [number, boolean][] = [
    [9, false],
    [10, true],
    [19, true],
    [20, false],
  ];
  for (const [nowMs, isUsed] of cases) {
    const cache = makeCache(2);
    cache.set("a", makeEntry("a", 10, 20));
    assert.equal(cache.get("a", nowMs) !== undefined, isUsed, `at ${nowMs}`);
  }
});

test("an expired entry is forgotten when it is asked for", () => {
  const cache = makeCache(2);
  cache.set("a", makeEntry("a"));
  cache.get("a", 100);
  assert.equal(cache.size(), 0);
});

test("what is too large to be remembered takes no room from what is not", () => {
  const cache = makeCache(2);
  cache.set("a", makeEntry("a"));
  for (let n = 0; n < 5; n += 1) cache.set(`large ${n}`, makeEntry("x".repeat(70_000)));
  cache.set("b", makeEntry("b"));
  assert.equal(cache.get("large 0", 1), undefined);
  assert.deepEqual([cache.get("a", 1)?.name, cache.get("b", 1)?.name, cache.size()], ["a", "b", 2]);
});

test("the cache never outgrows its bound and forgets the least recently used", () => {
  const cache = makeCache(2);
  cache.set("a", makeEntry("a"));
  cache.set("b", makeEntry("b"));
  cache.get("a", 1);
  cache.set("c", makeEntry("c"));
  assert.equal(cache.size(), 2);
  assert.deepEqual(
    ["a", "b", "c"].map((key) => cache.get(key, 1)?.name),
    ["a", undefined, "c"],
  );
});

test("the cache holds what a list in order of use would hold, whatever is asked of it", () => {
  const name = fc.integer({ min: 0, max: 30 }).map(String);
  const step = fc.record({ isSet: fc.boolean(), name, expiresMs: fc.integer({ min: 1, max: 60 }) });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 20 }), fc.array(step, { maxLength: 200 }), (maxEntries, steps) => {
      const cache = makeCache(maxEntries);
      let model: Entry[] = [];
      for (const [nowMs, { isSet, name, expiresMs }] of steps.entries()) {
        const known = model.find((entry) => entry.name === name);
        model = model.filter((entry) => entry !== known);
        if (isSet) {
          const entry = makeEntry(name, 0, nowMs + expiresMs);
          cache.set(name, entry);
          model = [...model, entry].slice(-maxEntries);
        } else {
          const valid = known !== undefined && nowMs < known.expiresMs ? known : undefined;
          assert.deepEqual(cache.get(name, nowMs), valid);
          if (valid !== undefined) model = [...model, valid];
        }
        assert.equal(cache.size(), model.length);
      }
    }),
  );
});

test("proven certificates and tokens are remembered, refused ones are not", async () => {
  const trust = createTrust(makeTrustSettings());
  for (const name of ["v1-request-valid", "v1-wrong-ca", "v1-expired-cert", "v2-request-valid", "v2-token-expired"]) {
    await validate(vectorBytes(name), "request", trust, VECTOR_NOW_MS);
  }
  assert.deepEqual([trust.v1?.proven.size, trust.v2?.proven.size], [1, 1]);
});

test("another's certificate, written in ever new ways, does not fill the memory", async () => {
  const trust = createTrust(makeTrustSettings());
  const transport = JSON.parse(vectorBytes("v1-request-valid").toString());
  const secure = JSON.parse(Buffer.from(transport.data, "base64").toString());
  const forge = (remark: number) => {
    const signature = Buffer.alloc(256, remark).toString("base64");
    const forged = { ...secure, pubcert: `remark ${remark}\n${secure.pubcert}`, signature };
    const data = Buffer.from(JSON.stringify(forged)).toString("base64");
    return Buffer.from(JSON.stringify({ ...transport, data }));
  };
  const verdicts = await Promise.all([1, 2, 3].map((n) => validate(forge(n), "request", trust, VECTOR_NOW_MS)));
  assert.deepEqual(
    verdicts.map((verdict) => (verdict.ok ? "ok" : verdict.rejection.code)),
    Array(3).fill("signature_invalid"),
  );
  assert.equal(trust.v1?.proven.size, 0);
});

test("allow lists are judged per message, also for a remembered certificate", async () => {
  const trust = createTrust(makeTrustSettings());
  await validate(vectorBytes("v1-request-valid"), "request", trust, VECTOR_NOW_MS);
  const verdict = await validate(vectorBytes("v1-caller-not-cert"), "request", trust, VECTOR_NOW_MS);
  assert.equal(verdict.ok ? "ok" : verdict.rejection.code, "caller_mismatch");
});

test("a revoked certificate is refused as soon as trust is reloaded", async () => {
  const raw = vectorBytes("v1-revoked-cert");
  const before = await validate(raw, "request", createTrust(makeTrustSettings()), VECTOR_NOW_MS);
  const reloaded = createTrust(makeTrustSettings({ v1: { crlPem: vectorFile("keys/v1-ca.crl.pem") } }));
  const after = await validate(raw, "request", reloaded, VECTOR_NOW_MS);
  assert.equal(before.ok, true);
  assert.equal(after.ok ? "ok" : after.rejection.code, "cert_revoked");
});

test("a remembered token is refused once it expires", async () => {
  const trust = createTrust(makeTrustSettings());
  const raw = vectorBytes("v2-request-valid");
  const early = await validate(raw, "request", trust, VECTOR_NOW_MS);
  const late = await validate(raw, "request", trust, Date.parse("2099-01-01T00:00:00Z"));
  assert.deepEqual([early.ok, late.ok ? "ok" : late.rejection.code], [true, "token_expired"]);
});

for (const [what, crlPem, late, code] of [
  ["it expires", "", "2120-01-02T00:00:00Z", "cert_expired"],
  ["a revocation list is due", vectorFile("keys/v1-ca.crl.pem"), "2119-01-02T00:00:00Z", "untrusted_cert"],
] as const) {
  test(`a remembered certificate is refused once ${what}`, async () => {
    const trust = createTrust(makeTrustSettings({ v1: { crlPem } }));
    const raw = vectorBytes("v1-request-valid");
    await validate(raw, "request", trust, VECTOR_NOW_MS);
    assert.equal(trust.v1?.proven.size, 1);
    const verdict = await validate(raw, "request", trust, Date.parse(late));
    assert.equal(verdict.ok ? "ok" : verdict.rejection.code, code);
  });
}
