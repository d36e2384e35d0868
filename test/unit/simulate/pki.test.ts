import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { decodeJwt, importJWK, jwtVerify } from "jose";
import { nodeIdentity } from "../../../functions/simulate/identity.ts";
import { openPki } from "../../../functions/simulate/pki.ts";

const now = new Date("2026-11-23T12:00:00Z");
const root = mkdtempSync(join(tmpdir(), "simulated-pki-"));
const folder = join(root, "fleet"); // one set of authorities for all tests: RSA keys take a second to make
const open = () => openPki({ folder, collective: "mcollective", now });
after(() => rmSync(root, { recursive: true }));

test("a node certificate is signed by the fleet's CA and names the node", async () => {
  const pki = await open();
  const { certPem, privateKey } = await pki.v1(nodeIdentity(0), "trusted");

  const certificate = new X509Certificate(certPem);
  assert.ok(certificate.verify(new X509Certificate(pki.caPem).publicKey));
  assert.ok(certificate.checkPrivateKey(privateKey));
  assert.equal(certificate.subject, "CN=node0001.fleet.example");
  assert.equal(certificate.subjectAltName, "DNS:node0001.fleet.example");
  assert.deepEqual(certificate.keyUsage, ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"]);
});

test("a rogue certificate does not come from the fleet's CA, an expired one does but is over", async () => {
  const pki = await open();
  const caKey = new X509Certificate(pki.caPem).publicKey;

  const rogue = new X509Certificate((await pki.v1(nodeIdentity(0), "rogue")).certPem);
  const expired = new X509Certificate((await pki.v1(nodeIdentity(0), "expired")).certPem);

  assert.equal(rogue.verify(caKey), false);
  assert.equal(expired.verify(caKey), true);
  assert.ok(new Date(expired.validTo) < now);
});

test("a server token verifies with the issuer's key and holds the node's", async () => {
  const pki = await open();
  const { token, privateKey } = await pki.v2(nodeIdentity(1), "trusted");

  const jwk = { kty: "OKP", crv: "Ed25519", x: Buffer.from(pki.issuerPublicKey, "hex").toString("base64url") };
  const { payload } = await jwtVerify(token, await importJWK(jwk, "EdDSA"), { currentDate: now });

  assert.deepEqual(Object.keys(payload), [
    "identity",
    "collectives",
    "permissions",
    "ou",
    "purpose",
    "public_key",
    "iss",
    "exp",
    "nbf",
    "iat",
    "jti",
  ]);
  assert.equal(payload["identity"], nodeIdentity(1));
  const { x } = privateKey.export({ format: "jwk" });
  assert.equal(payload["public_key"], Buffer.from(x ?? "", "base64url").toString("hex"));
});

test("an expired token is over, a rogue one names another organisation", async () => {
  const pki = await open();
  assert.ok((decodeJwt((await pki.v2(nodeIdentity(1), "expired")).token).exp ?? 0) < now.getTime() / 1_000);
  assert.equal(decodeJwt((await pki.v2(nodeIdentity(1), "rogue")).token)["ou"], "rogue");
});

test("the next run on the same folder hands out the same credentials", async () => {
  const first = await open();
  const v1 = await first.v1(nodeIdentity(2), "trusted");
  const v2 = await first.v2(nodeIdentity(2), "trusted");

  const second = await open();

  assert.equal(second.caPem, first.caPem);
  assert.equal((await second.v1(nodeIdentity(2), "trusted")).certPem, v1.certPem);
  const again = await second.v2(nodeIdentity(2), "trusted");
  assert.equal(again.token, v2.token);
  assert.ok(again.privateKey.equals(v2.privateKey));
});

test("only the owner may read the folder and its keys", async () => {
  await (await open()).v1(nodeIdentity(3), "trusted");
  assert.equal(statSync(folder).mode & 0o777, 0o700);
  for (const file of ["keys.json", "v1-credentials.jsonl"]) {
    assert.equal(statSync(join(folder, file)).mode & 0o777, 0o600, file);
  }
});

test("a credential line torn by a kill is issued again, unreadable keys are named", async () => {
  const lines = join(folder, "v1-credentials.jsonl");
  writeFileSync(lines, `${readFileSync(lines, "utf8")}{"name":"trusted/x`);
  const { certPem } = await (await open()).v1("x", "trusted");
  assert.equal((await (await open()).v1("x", "trusted")).certPem, certPem);

  const broken = mkdtempSync(join(root, "broken-"));
  writeFileSync(join(broken, "keys.json"), "{}");
  await assert.rejects(openPki({ folder: broken, collective: "mcollective", now }), /keys\.json.*delete its folder/);
});
