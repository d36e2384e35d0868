import assert from "node:assert/strict";
import { createPrivateKey, createPublicKey, generateKeyPairSync, verify, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import {
  composeV1Reply,
  composeV1Request,
  composeV1RequestInPool,
  composeV2Reply,
  composeV2Request,
  composeV2RequestInPool,
  goJson,
  type RequestFields,
  v1RequestText,
  v2RequestText,
} from "../../../shared/choria/compose.ts";
import { ksuid, v1RequestId } from "../../../shared/choria/ids.ts";
import { filePayload, inventoryPayload } from "../../../shared/choria/registration.ts";
import { seedKey } from "../../support/vectors.ts";

const fixtures = new URL("../../fixtures/", import.meta.url);
const read = (path: string) => readFileSync(new URL(path, fixtures), "utf8");
const vector = (name: string) => Buffer.from(JSON.parse(read(`vectors/${name}.json`)).raw, "base64");
const decode = (base64: string) => Buffer.from(base64, "base64").toString("utf8");
const keyOf = (file: string) => seedKey(read(`vectors/keys/${file}`));

/** The layers of a v1 request, outermost first. */
function openV1(raw: Uint8Array) {
  const transport = JSON.parse(Buffer.from(raw).toString());
  const secure = JSON.parse(decode(transport.data));
  return { transport, secure, request: JSON.parse(secure.message) };
}

function openV2(raw: Uint8Array) {
  const transport = JSON.parse(Buffer.from(raw).toString());
  const secure = JSON.parse(decode(transport.data));
  const body = decode(secure.request ?? secure.reply);
  const timeNs = BigInt(/"time":(\d+)/.exec(body)?.[1] ?? 0);
  return { transport, secure, request: JSON.parse(body), body, timeNs };
}

/** The fields that a message was composed from, read back from a recorded one. */
function v1Fields(raw: Uint8Array): RequestFields {
  const { transport, request } = openV1(raw);
  const envelope = request.envelope;
  return {
    requestId: envelope.requestid,
    sender: envelope.senderid,
    caller: envelope.callerid,
    collective: envelope.collective,
    agent: envelope.agent,
    ttlSeconds: envelope.ttl,
    timeNs: BigInt(envelope.time) * 1_000_000_000n,
    payload: request.message,
    replyTo: transport.headers["reply-to"],
    server: transport.headers["seen-by"]?.[0][0] ?? null,
  };
}

function v2Fields(raw: Uint8Array): RequestFields {
  const { transport, request, timeNs } = openV2(raw);
  return {
    requestId: request.id,
    sender: request.sender,
    caller: request.caller,
    collective: request.collective,
    agent: request.agent,
    ttlSeconds: request.ttl,
    timeNs,
    payload: Buffer.from(request.message, "base64"),
    replyTo: transport.headers.reply,
    server: transport.headers.trace?.[0][0] ?? null,
  };
}

for (const [name, credential] of [
  ["v1-registration-inventory-gz", "v1-node1"],
  ["v1-registration-inventory-plain", "v1-node1"],
  ["v1-registration-file-plain", "v1-node1"],
  ["v1-request-valid", "v1-client"],
] as const) {
  test(`composing the fields of ${name} gives go-choria's bytes`, async () => {
    const raw = vector(name);
    const certPem = openV1(raw).secure.pubcert;
    const privateKey = createPrivateKey(read(`vectors/keys/${credential}.key.pem`));

    assert.equal(composeV1Request(v1Fields(raw), { certPem, privateKey }).toString(), raw.toString());
    assert.deepEqual(await composeV1RequestInPool(v1Fields(raw), { certPem, privateKey }), raw);
  });
}

for (const [name, credential] of [
  ["v2-registration-inventory-gz", "v2-server"],
  ["v2-registration-file-gz", "v2-server"],
  ["v2-request-valid", "v2-client"],
  ["v2-request-binary-payload", "v2-client"],
] as const) {
  test(`composing the fields of ${name} gives go-choria's bytes`, async () => {
    const raw = vector(name);
    const token = openV2(raw).secure.caller;
    const privateKey = keyOf(`${credential}.key`);

    assert.equal(composeV2Request(v2Fields(raw), { token, privateKey }).toString(), raw.toString());
    assert.deepEqual(await composeV2RequestInPool(v2Fields(raw), { token, privateKey }), raw);
  });
}

test("a composed v1 reply has go-choria's bytes", () => {
  const raw = vector("v1-reply-valid");
  const { request: reply } = openV1(raw);
  const { requestid: requestId, senderid: sender, agent, time } = reply.envelope;
  const timeNs = BigInt(time) * 1_000_000_000n;

  const composed = composeV1Reply({ requestId, sender, agent, timeNs, payload: reply.message, server: null });

  assert.equal(composed.toString(), raw.toString());
});

for (const [name, signed] of [
  ["v2-reply-valid-signed", true],
  ["v2-reply-unsigned-allowed", false],
] as const) {
  test(`composing the fields of ${name} gives go-choria's bytes`, () => {
    const raw = vector(name);
    const { request: reply, secure, timeNs } = openV2(raw);
    const { request: requestId, sender, agent } = reply;
    const payload = Buffer.from(reply.message, "base64");
    const credential = signed ? { token: secure.sender, privateKey: keyOf("v2-server.key") } : null;

    const composed = composeV2Reply({ requestId, sender, agent, timeNs, payload, server: null }, credential);

    assert.equal(composed.toString(), raw.toString());
  });
}

test("the signed text of every captured registration is reproduced exactly", () => {
  for (const mode of ["v1", "v2"] as const) {
    const lines = read(`captures/${mode}.jsonl`).trim().split("\n");
    const captured = lines.map((line) => JSON.parse(line)).filter(({ kind }) => kind === "registration");
    assert.ok(captured.length > 10);
    for (const { payload } of captured) {
      const raw = Buffer.from(payload, "base64");
      if (mode === "v1") assert.equal(v1RequestText(v1Fields(raw)), openV1(raw).secure.message);
      else assert.equal(v2RequestText(v2Fields(raw)), openV2(raw).body);
    }
  }
});

test("registration payloads keep the field order of the captured ones", () => {
  const content = { encoding: "plain", bytes: Buffer.from('{"a":1}') } as const;
  const gzip = { encoding: "gzip", bytes: Buffer.from("x") } as const;
  const file = { path: "/f", modifiedAt: 7, updated: true };

  assert.equal(inventoryPayload(content), '{"protocol":"choria:registration:inventorycontent:1","content":{"a":1}}');
  assert.equal(inventoryPayload(gzip), '{"protocol":"choria:registration:inventorycontent:1","zcontent":"eA=="}');
  assert.equal(
    filePayload(file, content),
    '{"mtime":7,"file":"/f","updated":true,"protocol":"choria:registration:filecontent:1","content":"eyJhIjoxfQ=="}',
  );
  assert.deepEqual(Object.keys(JSON.parse(filePayload(file, gzip))).at(-1), "zcontent");
});

test("both signatures verify with plain node crypto", () => {
  const fields: RequestFields = { ...v1Fields(vector("v1-request-valid")), payload: '<&>"\u2028é' };
  const rsa = createPrivateKey(read("vectors/keys/v1-client.key.pem"));
  const certPem = read("vectors/keys/v1-client.pem");
  const ed = generateKeyPairSync("ed25519");

  const v1 = openV1(composeV1Request(fields, { certPem, privateKey: rsa })).secure;
  const v2 = openV2(composeV2Request(fields, { token: "t", privateKey: ed.privateKey })).secure;

  const certKey = new X509Certificate(v1.pubcert).publicKey;
  assert.ok(verify("sha256", Buffer.from(v1.message), certKey, Buffer.from(v1.signature, "base64")));
  const edKey = createPublicKey(ed.privateKey);
  assert.ok(verify(null, Buffer.from(v2.request, "base64"), edKey, Buffer.from(v2.signature, "base64")));
});

test("text is escaped as Go escapes it", () => {
  assert.equal(goJson("<a>&\u2028\u2029é"), '"\\u003ca\\u003e\\u0026\\u2028\\u2029é"');
});

test("request ids have go-choria's shape", () => {
  const random = Buffer.alloc(16, 0xff);
  assert.match(v1RequestId(random), /^[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}$/);
  assert.equal(ksuid(1_400_000_000 + 0xffff_ffff, random), "aWgEPTl1tmebfsQzFP4bxwgy80V"); // the largest ksuid
  assert.equal(ksuid(1_400_000_000, Buffer.alloc(16)), "0".repeat(27));
});
