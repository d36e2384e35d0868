import assert from "node:assert/strict";
import { test } from "node:test";
import { ingestSettings } from "../../../functions/bridge/policy.ts";
import type { ValidatedMessage } from "../../../shared/choria/message.ts";
import { ANYTHING, policyRefusal } from "../../../shared/choria/policy.ts";
import { createTrust } from "../../../shared/choria/trust.ts";
import { validate } from "../../../shared/choria/validate.ts";
import { makeConfigValue, parseValue } from "../../support/config.ts";
import { makeTrustSettings, VECTOR_NOW_MS, vectorBytes } from "../../support/vectors.ts";

const raw = vectorBytes("v1-registration-inventory-gz");

/** A registration of node1.example.net in collective mcollective. */
async function provenMessage(): Promise<ValidatedMessage> {
  const verdict = await validate(raw, "registration", createTrust(makeTrustSettings()), VECTOR_NOW_MS);
  return verdict.ok ? verdict.message : assert.fail(verdict.rejection.detail);
}

function policyOf(accept: object) {
  const ingest = { connection: "main", subject: "in", kind: "registration", to: ["inventory"], accept };
  const { ingest: ingests } = parseValue(makeConfigValue({ ingest: { reg: ingest } }));
  return ingestSettings("reg", ingests["reg"] ?? assert.fail()).policy;
}

async function refusalOf(accept: object, { ageMs = 0, message = {} }: { ageMs?: number; message?: object } = {}) {
  const proven = { ...(await provenMessage()), ...message };
  const receivedAtMs = Number(proven.timeNs / 1_000_000n) + ageMs;
  return policyRefusal(proven, { data: raw, receivedAtMs }, policyOf(accept));
}

async function codeWith(...given: Parameters<typeof refusalOf>) {
  return (await refusalOf(...given))?.code ?? "ok";
}

test("without a policy anything proven is accepted", async () => {
  assert.equal(policyOf({}), ANYTHING);
  assert.equal(await codeWith({}), "ok");
});

const cases: readonly [what: string, accept: object, code: string][] = [
  ["its agent", { agents: ["^registration$"] }, "ok"],
  ["another agent", { agents: ["^rpcutil$", "^puppet$"] }, "not_accepted"],
  ["a pattern between slashes", { agents: ["/^registration$/"] }, "ok"],
  ["its collective", { collectives: ["mcollective"] }, "ok"],
  ["another collective", { collectives: ["prod"] }, "not_accepted"],
  ["its sender, unanchored", { senders: ["example"] }, "ok"],
  ["one sender of several", { senders: ["^db", "^node1\\."] }, "ok"],
  ["another sender", { senders: ["^node2\\."] }, "not_accepted"],
  ["as many bytes", { maxBytes: `${raw.length}B` }, "ok"],
  ["a byte less", { maxBytes: `${raw.length - 1}B` }, "too_large"],
  ["agent and sender, of which one fits", { agents: ["."], senders: ["^node2"] }, "not_accepted"],
];

for (const [what, accept, code] of cases) {
  test(`a policy that accepts ${what} gives ${code}`, async () => {
    assert.equal(await codeWith(accept), code);
  });
}

for (const [ageMs, code] of [
  [-5_001, "not_accepted"],
  [-5_000, "ok"],
  [5_000, "ok"],
  [5_001, "not_accepted"],
] as const) {
  test(`a message of ${ageMs} ms with maxAge 5s gives ${code}`, async () => {
    assert.equal(await codeWith({ maxAge: "5s" }, { ageMs }), code);
  });
}

for (const [field, accept] of [
  ["agent", { agents: ["^none$"] }],
  ["collective", { collectives: ["none"] }],
  ["sender", { senders: ["^none$"] }],
] as const) {
  test(`a hostile ${field} stands quoted in the detail: bounded, and without what drives a terminal`, async () => {
    const hostile = `web1\u001b[2J\r\n\u202e${"x".repeat(2_000)}`;
    const { code, detail } = (await refusalOf(accept, { message: { [field]: hostile } })) ?? assert.fail("accepted");
    assert.equal(code, "not_accepted");
    assert.match(detail, new RegExp(`^${field} "web1\\?\\[2J\\?\\?\\?x{50,}…" `));
    assert.ok(detail.length < 200, `${detail.length} characters`);
  });
}

test("a sender that no pattern could be held against in short time is refused by its length", async () => {
  assert.equal(await codeWith({ senders: ["^a+"] }, { message: { sender: "a".repeat(1_025) } }), "not_accepted");
});

test("a maxAge of nothing is a limit too", async () => {
  assert.equal(await codeWith({ maxAge: "0s" }, { ageMs: 1 }), "not_accepted");
});
