import assert from "node:assert/strict";
import { test } from "node:test";
import { firstListDueMs, summarizeTrust, trustChanges, trustCounts } from "../../../../shared/choria/audit/summary.ts";
import { NOBODY } from "../../../../shared/choria/rules/deny.ts";
import type { TrustSettings } from "../../../../shared/choria/settings.ts";
import { createTrust } from "../../../../shared/choria/trust.ts";
import { makeTrustSettings, vectorFile } from "../../../support/vectors.ts";

const summaryOf = (settings: TrustSettings) => summarizeTrust(settings, createTrust(settings));
const changesOf = (before: TrustSettings, after: TrustSettings) => trustChanges(summaryOf(before), summaryOf(after));
const ca = vectorFile("keys/v1-ca.pem");
const crlPem = vectorFile("keys/v1-ca.crl.pem");
const key = "ab".repeat(32);

test("the same settings have the same digest and no changes", () => {
  assert.equal(summaryOf(makeTrustSettings()).digest, summaryOf(makeTrustSettings()).digest);
  assert.deepEqual(changesOf(makeTrustSettings(), makeTrustSettings()), {});
});

test("a CA that comes is named by its subject and fingerprint", () => {
  const changes = changesOf(
    makeTrustSettings(),
    makeTrustSettings({ v1: { caPem: `${ca}\n${vectorFile("keys/v1-rogue-ca.pem")}` } }),
  );
  assert.deepEqual(Object.keys(changes), ["v1.ca"]);
  assert.deepEqual([changes["v1.ca"]?.added, changes["v1.ca"]?.removed], [1, 0]);
  assert.match(changes["v1.ca"]?.entries[0] ?? "", /^\+ .*CN=.* SHA-256 (?:[0-9A-F]{2}:){31}[0-9A-F]{2}$/);
});

test("a revocation list that comes is named by its issuer, number, size and next update", () => {
  const changes = changesOf(makeTrustSettings(), makeTrustSettings({ v1: { crlPem } }));
  assert.match(changes["v1.crl"]?.entries[0] ?? "", /^\+ .*CN=.* number \S+, 1 revoked, next update 2/);
});

const described: readonly [what: string, after: TrustSettings, setting: string, entry: string][] = [
  ["an issuer", makeTrustSettings({ v2: { issuers: { other: key } } }), "v2.issuers", `+ other ${key}`],
  ["a denied token", makeTrustSettings({ deny: { ...NOBODY, tokens: ["t1"] } }), "deny.tokens", "+ t1"],
  ["a denied key", makeTrustSettings({ deny: { ...NOBODY, publicKeys: [key] } }), "deny.publicKeys", `+ ${key}`],
  ["a denied name", makeTrustSettings({ deny: { ...NOBODY, identities: ["web1"] } }), "deny.identities", "+ web1"],
  ["a pattern", makeTrustSettings({ v1: { nodes: ["^web"] } }), "v1.nodes", "+ ^web"],
  ["a collective", makeTrustSettings({ collectives: ["mcollective", "prod"] }), "collectives", "+ prod"],
  ["a stale list let in", makeTrustSettings({ v1: { acceptStaleCrl: true } }), "v1.acceptStaleCrl", "+ true"],
  ["the ttl", makeTrustSettings({ ttl: { minSeconds: 1, maxSeconds: 5 } }), "ttl", "+ 1 s to 5 s"],
  [
    "unsigned replies",
    makeTrustSettings({ v2: { requireSignedReplies: false } }),
    "v2.requireSignedReplies",
    "+ false",
  ],
];

for (const [what, after, setting, entry] of described) {
  test(`a change is told by its setting and entry: ${what}`, () => {
    const changes = changesOf(makeTrustSettings(), after);
    assert.deepEqual(Object.keys(changes), [setting]);
    assert.ok(changes[setting]?.entries.includes(entry), JSON.stringify(changes));
  });
}

test("a long list is told by its numbers and its first entries", () => {
  const tokens = Array.from({ length: 500 }, (_, index) => `token-${index}`);
  const change = changesOf(makeTrustSettings(), makeTrustSettings({ deny: { ...NOBODY, tokens } }))["deny.tokens"];
  assert.deepEqual([change?.added, change?.removed, change?.entries.length], [500, 0, 20]);
});

test("a protocol that is trusted no more is told by all that went", () => {
  const changes = changesOf(makeTrustSettings(), { ...makeTrustSettings(), v2: null });
  assert.ok("v2.issuers" in changes, JSON.stringify(changes));
});

test("what is counted at the start are anchors, lists and denials", () => {
  const settings = makeTrustSettings({ v1: { crlPem }, deny: { ...NOBODY, identities: ["a", "b"] } });
  assert.deepEqual(trustCounts(summaryOf(settings)), {
    "v1.ca": 1,
    "v1.crl": 1,
    "v2.issuers": 1,
    "v2.trustedSigners": 0,
    "deny.tokens": 0,
    "deny.publicKeys": 0,
    "deny.identities": 2,
  });
});

test("the first list that is due is known, and that there is none", () => {
  assert.equal(firstListDueMs(createTrust(makeTrustSettings())), null);
  const dueMs = firstListDueMs(createTrust(makeTrustSettings({ v1: { crlPem } })));
  assert.ok(dueMs !== null && dueMs > Date.parse("2026-01-01"), String(dueMs));
});
