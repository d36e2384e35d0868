import assert from "node:assert/strict";
import { createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { type BrokerCredentials, type BrokerFault, brokerCredentials } from "../../../shared/choria/broker-auth.ts";
import { makeClientToken } from "../../support/choria-token.ts";

const vector = (name: string) =>
  readFileSync(new URL(`../../fixtures/vectors/keys/${name}`, import.meta.url), "utf8").trim();

function credentials(files: { token: string; seed: string }, collective = "mcollective"): BrokerCredentials {
  const made = brokerCredentials(files, collective);
  assert.ok(!("at" in made), JSON.stringify(made));
  return made;
}

function fault(files: { token: string; seed: string }): BrokerFault {
  const made = brokerCredentials(files, "mcollective");
  assert.ok("at" in made, "accepted");
  return made;
}

// RFC 8032, section 7.1, test 2: the message is the one byte 0x72, "r".
const RFC_8032_SEED = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb";
const RFC_8032_SIGNATURE =
  "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00";

test("the signature over the nonce is that of RFC 8032, in base64url without padding", () => {
  const { sign } = credentials(makeClientToken({}, RFC_8032_SEED));

  const signature = sign("r");

  assert.equal(Buffer.from(signature, "base64url").toString("hex"), RFC_8032_SIGNATURE);
  assert.match(signature, /^[\w-]{86}$/);
});

test("a token and seed made by go-choria sign what the token's public key verifies", () => {
  const token = vector("v2-client.jwt");
  const { sign } = credentials({ token, seed: vector("v2-client.key") });

  const signature = Buffer.from(sign("c4n2HQgOpVe7xZ4"), "base64url");

  const claims = JSON.parse(Buffer.from(token.split(".")[1]!, "base64url").toString());
  const der = Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), Buffer.from(claims.public_key, "hex")]);
  const key = createPublicKey({ key: der, format: "der", type: "spki" });
  assert.ok(verify(null, Buffer.from("c4n2HQgOpVe7xZ4"), key, signature), "the signature does not verify");
});

test("replies are listened for below the collective and the md5 of the caller id", () => {
  // A real broker (go-choria 0.29.4) grants choria=bridge `*.reply.4d40cd838179945cad1e6c91e842ec0c.>`.
  const { inboxPrefix, callerId } = credentials(makeClientToken(), "uk_dc1");

  assert.deepEqual([callerId, inboxPrefix], ["choria=bridge", "uk_dc1.reply.4d40cd838179945cad1e6c91e842ec0c"]);
});

test("times come from the token, and its end from the chain issuer's where that is earlier", () => {
  const own = credentials(makeClientToken({ iat: 1_000, exp: 9_000 }));
  const chained = credentials(makeClientToken({ iat: 1_000, exp: 9_000, issexp: 5_000 }));
  const endless = credentials(makeClientToken());

  assert.deepEqual([own.issuedAtMs, own.expiresAtMs], [1_000_000, 9_000_000]);
  assert.equal(chained.expiresAtMs, 5_000_000);
  assert.deepEqual([endless.issuedAtMs, endless.expiresAtMs], [null, null]);
});

for (const [what, files, at, problem] of [
  ["a node's token", { token: vector("v2-server.jwt"), seed: vector("v2-server.key") }, "token", /the server token of/],
  ["a provisioning token", makeClientToken({ purpose: "choria_provisioning" }), "token", /for "choria_provisioning"/],
  ["no token at all", { token: "nonsense", seed: "ab".repeat(32) }, "token", /is no JWT of three parts/],
  ["a token without a caller", makeClientToken({ callerid: "" }), "token", /without a caller id/],
  ["a token without a key", makeClientToken({ public_key: "" }), "token", /without a public key/],
  [
    "another key's seed",
    { ...makeClientToken(), seed: "cd".repeat(32) },
    "seed",
    /is not the seed of the token's public/,
  ],
  ["a seed that is none", { ...makeClientToken(), seed: "SUAB" }, "seed", /64 hex characters/],
] as const) {
  test(`${what} is a fault that names the file and how to mend it`, () => {
    const found = fault(files);

    assert.equal(found.at, at);
    assert.match(found.problem, problem);
    assert.match(found.fix, /choria jwt (client|keys)/);
  });
}
