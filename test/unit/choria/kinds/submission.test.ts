import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { SignJWT } from "jose";
import { readCaptures } from "../../../../shared/choria/captures.ts";
import { signV2 } from "../../../../shared/choria/compose.ts";
import { judge } from "../../../../shared/choria/judge.ts";
import { adapterOutput } from "../../../../shared/choria/output.ts";
import { createTrust } from "../../../../shared/choria/trust.ts";
import { ed25519Private, makeTrustSettings, VECTOR_NOW_MS, v2Credential } from "../../../support/vectors.ts";
import { acceptWire, judgeWire, makeWire, type WireHeaders } from "../../../support/wire.ts";

const SUBJECT = "mcollective.submission.in.fleet.audit";
const PAYLOAD = '{"hello":"from a node"}';
const server = v2Credential("server");

const UNSIGNED: WireHeaders = [
  ["Nats-Msg-Id", "c6a0e65b-9811-4a9d-a153-2654832c1dba"],
  ["Choria-Priority", "4"],
  ["Choria-Created", "1780315200000000000"],
  ["Choria-Sender", "audit"],
  ["Choria-Identity", "node1.example.net"],
];

function sealOf(payload: string, { token, privateKey } = server): WireHeaders {
  return [
    ["Choria-Token", token],
    ["Choria-Signature", signV2(payload, privateKey).toString("hex")],
  ];
}

const signed = (changes: WireHeaders = [], payload = PAYLOAD) =>
  makeWire(payload, { subject: SUBJECT, given: [...UNSIGNED, ...sealOf(PAYLOAD), ...changes] });
const unsigned = (given: WireHeaders = UNSIGNED, values: Parameters<typeof makeWire>[1] = {}) =>
  makeWire(PAYLOAD, { subject: SUBJECT, given, ...values });
const without = (name: string, headers: WireHeaders = UNSIGNED) => headers.filter(([given]) => given !== name);

test("a signed submission proves its payload and who submitted it", async () => {
  const message = await acceptWire(signed(), "submission");
  assert.deepEqual(
    [message.proof, message.senderProof, message.sender, message.agent, message.payload, message.requestId],
    ["payload", "signature", "node1.example.net", "fleet.audit", PAYLOAD, "c6a0e65b-9811-4a9d-a153-2654832c1dba"],
  );
});

test("an unsigned submission proves nothing: its sender is what it says", async () => {
  const message = await acceptWire(unsigned(), "submission");
  assert.deepEqual([message.proof, message.senderProof, message.sender], ["none", "none", "node1.example.net"]);
});

test("headers are kept as the submission's own, without the token and the server's", async () => {
  const message = await acceptWire(
    signed([
      ["Nats-Rollup", "all"],
      ["Job-Id", "1"],
      ["X-Site", "a"],
    ]),
    "submission",
  );
  const names = message.headers.map(([name]) => name);
  assert.deepEqual(names, [
    "Choria-Subject",
    "Submission-Priority",
    "Submission-Created",
    "Submission-Sender",
    "Submission-Identity",
    "Submission-Signature",
    "Submission-Header-Job-Id",
    "Submission-Header-X-Site",
  ]);
  assert.ok(!JSON.stringify(adapterOutput(message, "envelope")).includes(server.token));
});

for (const protocol of ["v1", "v2"]) {
  test(`every captured submission of a ${protocol} network is taken, the signed ones as proven`, async () => {
    const read = (name: string) => readFileSync(new URL(`../../../fixtures/captures/${name}`, import.meta.url), "utf8");
    const captures = readCaptures(read(`${protocol}.jsonl`));
    assert.ok(typeof captures !== "string");
    const issuers = { choria: read("v2-issuer.public").trim() };
    const trust = createTrust(makeTrustSettings({ v2: { issuers } }));
    const submissions = captures.filter(({ kind }) => kind === "submission");
    const proofs: string[] = [];
    for (const { payload: data, subject, headers: given, receivedMs } of submissions) {
      const moment = { receivedAtMs: receivedMs, nowMs: receivedMs };
      const verdict = await judge(makeWire(data, { subject, given }), "submission", trust, moment);
      assert.ok(verdict.ok, verdict.ok ? "" : verdict.rejection.detail);
      assert.equal(verdict.message.sender, "node03.fleet.test");
      proofs.push(verdict.message.proof);
    }
    const isSigned = ({ headers }: (typeof submissions)[number]) => headers.some(([name]) => name === "Choria-Token");
    assert.deepEqual(
      proofs,
      submissions.map((capture) => (isSigned(capture) ? "payload" : "none")),
    );
    assert.equal(submissions.length, 6);
  });
}

test("a retry is the same message, whatever its count of tries and, when signed, its subject", async () => {
  const id = async (wire: ReturnType<typeof makeWire>) => (await acceptWire(wire, "submission")).messageId;
  const first = await id(signed());
  assert.equal(await id(signed([["Choria-Tries", "3"]])), first);
  assert.equal(await id({ ...signed(), subject: "mcollective.submission.in.other" }), first);
  assert.notEqual(await id(unsigned()), first);
  assert.notEqual(await id(unsigned(UNSIGNED, { subject: "a.submission.in.x" })), await id(unsigned()));
});

test("a submission without an id is told by its arrival", async () => {
  const message = await acceptWire(unsigned(without("Nats-Msg-Id"), { arrivalId: "9" }), "submission");
  assert.deepEqual([message.messageId, message.requestId], ["9", ""]);
});

test("the id of one sender does not hide that of another", async () => {
  const other = v2Credential("server2");
  const theirs = makeWire(PAYLOAD, {
    subject: SUBJECT,
    given: [...without("Choria-Identity"), ...sealOf(PAYLOAD, other)],
  });
  const [mine, their] = [await acceptWire(signed(), "submission"), await acceptWire(theirs, "submission")];
  assert.deepEqual([mine.requestId, mine.sender === their.sender], [their.requestId, false]);
  assert.notEqual(mine.messageId, their.messageId);
});

const client = v2Credential("client");
const REFUSED: Readonly<Record<string, readonly [wire: ReturnType<typeof makeWire>, code: string]>> = {
  "a signature without a token": [
    unsigned([...UNSIGNED, ...without("Choria-Token", sealOf(PAYLOAD))]),
    "bad_submission",
  ],
  "a token without a signature": [
    unsigned([...UNSIGNED, ...without("Choria-Signature", sealOf(PAYLOAD))]),
    "bad_submission",
  ],
  "two tokens": [signed([["choria-token", server.token]]), "bad_submission"],
  "two ids": [unsigned([...UNSIGNED, ["Nats-Msg-Id", "other"]]), "bad_submission"],
  "two identities": [unsigned([...UNSIGNED, ["CHORIA-IDENTITY", "node2.example.net"]]), "bad_submission"],
  "a sender that nothing names": [unsigned(without("Choria-Identity")), "bad_submission"],
  "an id that no header may carry": [
    unsigned([...without("Nats-Msg-Id"), ["Nats-Msg-Id", "a\u0000b"]]),
    "bad_submission",
  ],
  "an identity that is no subject token": [
    unsigned([...without("Choria-Identity"), ["Choria-Identity", "*.example.net"]]),
    "sender_invalid",
  ],
  "an identity that is not the token's": [
    makeWire(PAYLOAD, {
      given: [...without("Choria-Identity"), ["Choria-Identity", "node2.example.net"], ...sealOf(PAYLOAD)],
    }),
    "sender_mismatch",
  ],
  "another payload under the signature": [signed([], `${PAYLOAD} `), "signature_invalid"],
  "a signature that is no hex": [
    unsigned([...UNSIGNED, ["Choria-Token", server.token], ["Choria-Signature", "zz".repeat(64)]]),
    "bad_signature_encoding",
  ],
  "a client's token": [unsigned([...UNSIGNED, ...sealOf(PAYLOAD, client)]), "token_purpose"],
  "a token that is none": [
    unsigned([...UNSIGNED, ["Choria-Token", "a.b"], ["Choria-Signature", "00".repeat(64)]]),
    "token_malformed",
  ],
};

for (const [name, [wire, code]] of Object.entries(REFUSED)) {
  test(`${name} is refused`, async () => {
    assert.equal((await judgeWire(wire, "submission")).code, code);
  });
}

test("a signed submission is not taken unlooked-at where v2 is not trusted", async () => {
  const trust = createTrust({ ...makeTrustSettings(), v2: null });
  assert.equal((await judgeWire(signed(), "submission", trust)).code, "protocol_not_enabled");
  assert.equal((await judgeWire(unsigned(), "submission", trust)).code, "ok");
});

test("a node whose token does not allow it to submit is refused", async () => {
  const org = ed25519Private("org");
  const claims = JSON.parse(Buffer.from(server.token.split(".")[1] ?? "", "base64url").toString());
  const token = await new SignJWT({ ...claims, permissions: { streams: true } })
    .setProtectedHeader({ alg: "EdDSA" })
    .sign(org);
  const wire = unsigned([...UNSIGNED, ...sealOf(PAYLOAD, { ...server, token })]);
  assert.equal((await judgeWire(wire, "submission")).code, "token_permission");
});

test("a submission under a denied token is refused, and so is one that only names a denied node", async () => {
  const { jti } = JSON.parse(Buffer.from(server.token.split(".")[1] ?? "", "base64url").toString());
  const denied = (changes: object) =>
    createTrust(makeTrustSettings({ deny: { tokens: [], publicKeys: [], identities: [], ...changes } }));
  assert.equal((await judgeWire(signed(), "submission", denied({ tokens: [jti] }))).code, "denied");
  const trust = denied({ identities: ["node1.example.net"] });
  assert.equal((await judgeWire(unsigned(), "submission", trust)).code, "denied");
});

test("the token is judged at the moment the submission arrived", async () => {
  const late = VECTOR_NOW_MS + 100 * 365 * 86_400_000;
  const verdict = await judge(signed(), "submission", createTrust(makeTrustSettings()), {
    receivedAtMs: late,
    nowMs: late,
  });
  assert.equal(verdict.ok ? "ok" : verdict.rejection.code, "token_expired");
});

test("a bit flipped in the payload or the signature of a submission is never accepted", async () => {
  const signature = sealOf(PAYLOAD)[1]?.[1] ?? "";
  const place = fc.record({ inPayload: fc.boolean(), at: fc.nat(1_000), bit: fc.nat(7) });
  await fc.assert(
    fc.asyncProperty(place, async ({ inPayload, at, bit }) => {
      const bytes = inPayload ? Buffer.from(PAYLOAD) : Buffer.from(signature, "hex");
      const index = at % bytes.length;
      bytes.writeUInt8(bytes.readUInt8(index) ^ (1 << bit), index);
      const seal: WireHeaders = [
        ["Choria-Token", server.token],
        ["Choria-Signature", inPayload ? signature : bytes.toString("hex")],
      ];
      const wire = makeWire(inPayload ? bytes : PAYLOAD, { given: [...UNSIGNED, ...seal] });
      assert.equal((await judgeWire(wire, "submission")).code, "signature_invalid");
    }),
  );
});
