import assert from "node:assert/strict";
import { createPublicKey, sign } from "node:crypto";
import { test } from "node:test";
import { composeV1Request, composeV2Request, type RequestFields } from "../../../shared/choria/compose.ts";
import type { Kind } from "../../../shared/choria/message.ts";
import type { TrustSettings } from "../../../shared/choria/settings.ts";
import { createTrust } from "../../../shared/choria/trust.ts";
import { validate } from "../../../shared/choria/validate.ts";
import {
  ed25519Private,
  makeFields,
  makeTrustSettings,
  VECTOR_NOW_MS,
  v1Credential,
  v2Credential,
  vectorBytes,
} from "../../support/vectors.ts";

async function codeOf(raw: Uint8Array, kind: Kind = "request", settings: TrustSettings = makeTrustSettings()) {
  const verdict = await validate(raw, kind, createTrust(settings), VECTOR_NOW_MS);
  return verdict.ok ? verdict.message.code : verdict.rejection.code;
}

const v1Cases: readonly [string, Partial<RequestFields>, string][] = [
  ["as it should be", {}, "ok"],
  ["an empty sender", { sender: "" }, "sender_invalid"],
  ["a wildcard in the sender", { sender: "a.>" }, "sender_invalid"],
  ["a sender of 255 characters", { sender: "a".repeat(255) }, "ok"],
  ["a sender of 256 characters", { sender: "a".repeat(256) }, "sender_invalid"],
  ["a line break after the agent", { agent: "rpcutil\n" }, "agent_invalid"],
  ["a line break after the caller", { caller: "choria=rip.mcollective\n" }, "caller_invalid"],
  ["a caller only a privileged certificate may name", { caller: "okta=rip@mcollective" }, "caller_invalid"],
  ["an unknown collective", { collective: "other" }, "collective_not_allowed"],
  ["an empty payload", { payload: "" }, "bad_message"],
  ["ttl below the schema", { ttlSeconds: 29 }, "ttl_out_of_range"],
  ["a fractional ttl", { ttlSeconds: 60.5 }, "bad_message"],
  ["time at 1900", { timeNs: -2_208_988_800_000_000_000n }, "ttl_expired"],
];

for (const [name, changes, code] of v1Cases) {
  test(`v1 request: ${name} gives ${code}`, async () => {
    assert.equal(await codeOf(composeV1Request(makeFields(changes), v1Credential("client"))), code);
  });
}

test("a trust section's ttl bounds count beside the schema's", async () => {
  const raw = composeV1Request(makeFields({ ttlSeconds: 30 }), v1Credential("client"));
  const strict = makeTrustSettings({ ttl: { minSeconds: 31, maxSeconds: 60 } });
  assert.deepEqual([await codeOf(raw), await codeOf(raw, "request", strict)], ["ok", "ttl_out_of_range"]);
});

test("a privileged certificate may name any caller, but not one with control characters", async () => {
  const credential = v1Credential("privileged");
  const codes = ["okta=bob@x", "okta=bo\u0000b", "okta=b b", "nobody"].map((caller) => {
    return codeOf(composeV1Request(makeFields({ caller }), credential));
  });
  assert.deepEqual(await Promise.all(codes), ["ok", "caller_invalid", "caller_invalid", "caller_invalid"]);
});

test("a privileged certificate may not register a node in another's name", async () => {
  const identity = "node1.example.net";
  const fields = makeFields({ caller: `choria=${identity}`, sender: identity, agent: "registration" });
  assert.equal(await codeOf(composeV1Request(fields, v1Credential("privileged")), "registration"), "caller_mismatch");
});

const registration = { caller: "choria=node1.example.net", sender: "node1.example.net", agent: "registration" };
const v1Registrations: readonly [string, Partial<RequestFields>, string][] = [
  ["as it should be", {}, "ok"],
  ["another agent", { agent: "discovery" }, "agent_invalid"],
  ["another kind of caller", { caller: "okta=node1.example.net" }, "caller_mismatch"],
  ["another sender", { sender: "node2.example.net" }, "sender_mismatch"],
];

for (const [name, changes, code] of v1Registrations) {
  test(`v1 registration: ${name} gives ${code}`, async () => {
    const raw = composeV1Request(makeFields({ ...registration, ...changes }), v1Credential("node1"));
    assert.equal(await codeOf(raw, "registration"), code);
  });
}

const v2Cases: readonly [string, Partial<RequestFields>, string][] = [
  ["as it should be", {}, "ok"],
  ["another caller", { caller: "choria=bob" }, "caller_mismatch"],
  ["a control character in the caller", { caller: "choria=rip\u0007" }, "caller_invalid"],
  ["an empty caller", { caller: "" }, "caller_invalid"],
  ["a caller of 1025 characters", { caller: "c".repeat(1_025) }, "caller_invalid"],
  ["time zero", { timeNs: 0n }, "ttl_expired"],
];

for (const [name, changes, code] of v2Cases) {
  test(`v2 request: ${name} gives ${code}`, async () => {
    const raw = composeV2Request(makeFields({ caller: "choria=rip", ...changes }), v2Credential("client"));
    assert.equal(await codeOf(raw), code);
  });
}

function publicHex(name: string): string {
  const { x = "" } = createPublicKey(ed25519Private(name)).export({ format: "jwk" });
  return Buffer.from(x, "base64url").toString("hex");
}

function makeToken(claims: Readonly<Record<string, unknown>>, header: object = { alg: "EdDSA", typ: "JWT" }): string {
  const defaults = {
    purpose: "choria_client_id",
    public_key: publicHex("client"),
    ou: "choria",
    callerid: "choria=rip",
    permissions: { fleet_management: true },
    exp: VECTOR_NOW_MS / 1_000 + 60,
  };
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${encode(header)}.${encode({ ...defaults, ...claims })}`;
  return `${signed}.${sign(null, Buffer.from(signed), ed25519Private("org")).toString("base64url")}`;
}

const tokenCases: readonly [string, Readonly<Record<string, unknown>>, string][] = [
  ["as it should be", {}, "ok"],
  ["exp at this second", { exp: VECTOR_NOW_MS / 1_000 }, "token_expired"],
  ["exp as text", { exp: "2099-01-01" }, "token_malformed"],
  ["nbf in a second", { nbf: VECTOR_NOW_MS / 1_000 + 1 }, "token_not_yet_valid"],
  ["no organisation unit", { ou: undefined }, "token_unknown_issuer"],
  ["unit __proto__", { ou: "__proto__" }, "token_unknown_issuer"],
  ["unit constructor", { ou: "constructor" }, "token_unknown_issuer"],
  ["permission as text", { permissions: { fleet_management: "true" } }, "token_permission"],
  ["permissions as a list", { permissions: ["fleet_management"] }, "token_malformed"],
  ["a claim in other letters", { PURPOSE: "choria_server" }, "ambiguous_key"],
  ["an upper-case key", { public_key: "AB".repeat(32) }, "signature_invalid"],
  [
    "must be delegated",
    { permissions: { fleet_management: true, signed_fleet_management: true } },
    "delegation_required",
  ],
  ["another callerid", { callerid: "choria=bob" }, "caller_mismatch"],
];

for (const [name, claims, code] of tokenCases) {
  test(`v2 token: ${name} gives ${code}`, async () => {
    const credential = { token: makeToken(claims), privateKey: ed25519Private("client") };
    assert.equal(await codeOf(composeV2Request(makeFields({ caller: "choria=rip" }), credential)), code);
  });
}

const stranger = { kty: "OKP", crv: "Ed25519", x: Buffer.alloc(32, 7).toString("base64url") };
const headerCases: readonly [string, object, string][] = [
  ["a critical extension", { alg: "EdDSA", crit: ["x"], x: 1 }, "token_malformed"],
  ["an empty list of critical extensions", { alg: "EdDSA", crit: [] }, "token_malformed"],
  ["an unencoded payload", { alg: "EdDSA", b64: false, crit: ["b64"] }, "token_malformed"],
  ["the algorithm in small letters", { alg: "eddsa" }, "token_alg"],
  ["the newer name of the algorithm", { alg: "Ed25519" }, "token_alg"],
  ["a list of algorithms", { alg: ["EdDSA"] }, "token_alg"],
  ["no algorithm", {}, "token_alg"],
  ["a key of its own, which is not used", { alg: "EdDSA", jwk: stranger }, "ok"],
];

for (const [name, header, code] of headerCases) {
  test(`v2 token header: ${name} gives ${code}`, async () => {
    const credential = { token: makeToken({}, header), privateKey: ed25519Private("client") };
    assert.equal(await codeOf(composeV2Request(makeFields({ caller: "choria=rip" }), credential)), code);
  });
}

test("of several trusted signers, the one behind a chain says what is wrong with it", async () => {
  const [org, other] = [publicHex("org"), publicHex("client")];
  for (const trustedSigners of [
    [org, other],
    [other, org],
  ]) {
    const settings = makeTrustSettings({ v2: { issuers: null, trustedSigners } });
    assert.equal(await codeOf(vectorBytes("v2-chain-issuer-expired"), "request", settings), "issuer_expired");
  }
});
