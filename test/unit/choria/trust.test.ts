import assert from "node:assert/strict";
import { test } from "node:test";
import type { TrustSettings } from "../../../shared/choria/settings.ts";
import { createTrust } from "../../../shared/choria/trust.ts";
import { TrustError, type TrustErrorCode } from "../../../shared/choria/trust-error.ts";
import { makeTrustSettings, vectorFile } from "../../support/vectors.ts";

const key = "ab".repeat(32);
const ca = vectorFile("keys/v1-ca.pem");
const crl = vectorFile("keys/v1-ca.crl.pem");

const refused: readonly [string, TrustSettings, TrustErrorCode, RegExp][] = [
  ["no certificate", makeTrustSettings({ v1: { caPem: "" } }), "TRUST_BAD_CA", /v1\.ca: holds no certificate/],
  ["a cut certificate", makeTrustSettings({ v1: { caPem: ca.slice(0, 300) } }), "TRUST_BAD_CA", /v1\.ca/],
  ["damaged DER", makeTrustSettings({ v1: { caPem: ca.replace("MII", "MIA") } }), "TRUST_BAD_CA", /cannot be parsed/],
  ["a key as CA", makeTrustSettings({ v1: { caPem: vectorFile("keys/v1-client.key.pem") } }), "TRUST_BAD_CA", /KEY/],
  ["a leaf as CA", makeTrustSettings({ v1: { caPem: vectorFile("keys/v1-client.pem") } }), "TRUST_BAD_CA", /not a CA/],
  ["a certificate as CRL", makeTrustSettings({ v1: { crlPem: ca } }), "TRUST_BAD_CRL", /not an X509 CRL/],
  ["text as CRL", makeTrustSettings({ v1: { crlPem: "none" } }), "TRUST_BAD_CRL", /holds no revocation list/],
  [
    "a CRL of another CA with the same name",
    makeTrustSettings({ v1: { caPem: vectorFile("keys/v1-rogue-ca.pem"), crlPem: crl } }),
    "TRUST_FOREIGN_CRL",
    /the list of "OU=test only, CN=Vector CA shared" is of no CA in trust\.v1\.ca.*names the key "a691/,
  ],
  ["a bad pattern", makeTrustSettings({ v1: { nodes: ["ok", "("] } }), "TRUST_BAD_PATTERN", /v1\.nodes\[1\]/],
  ["a bad key", makeTrustSettings({ v2: { issuers: { choria: "xyz" } } }), "TRUST_BAD_KEY", /v2\.issuers\.choria/],
  ["both kinds of keys", makeTrustSettings({ v2: { trustedSigners: [key] } }), "TRUST_BAD_ISSUERS", /exactly one/],
  ["neither kind of keys", makeTrustSettings({ v2: { issuers: null } }), "TRUST_BAD_ISSUERS", /exactly one/],
  ["no keys at all", makeTrustSettings({ v2: { issuers: {} } }), "TRUST_BAD_ISSUERS", /no key/],
  ["an unsafe collective", makeTrustSettings({ collectives: ["a.*"] }), "TRUST_BAD_COLLECTIVE", /collectives/],
  ["crossed ttl bounds", makeTrustSettings({ ttl: { minSeconds: 9, maxSeconds: 8 } }), "TRUST_BAD_TTL", /ttl/],
];

for (const [name, settings, code, message] of refused) {
  test(`trust is refused with the setting's name: ${name}`, () => {
    assert.throws(
      () => createTrust(settings),
      (error) => error instanceof TrustError && error.code === code && message.test(error.message),
    );
  });
}

test("a pattern between slashes loses them", () => {
  const trust = createTrust(makeTrustSettings({ v1: { nodes: ["/^web/", "a/b"] } }));
  assert.deepEqual(
    trust.v1?.nodes.map((pattern) => pattern.source),
    ["^web", "a\\/b"],
  );
});

test("an organisation unit is looked up among the configured names alone", () => {
  const trust = createTrust(makeTrustSettings());
  const issuers = trust.v2?.issuers;
  assert.ok(issuers?.type === "issuers");
  assert.equal(issuers.byUnit.get("__proto__"), undefined);
});
