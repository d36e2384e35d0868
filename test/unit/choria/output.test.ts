import assert from "node:assert/strict";
import { test } from "node:test";
import { adapterOutput, readAdapterOutput } from "../../../shared/choria/output.ts";
import { createTrust } from "../../../shared/choria/trust.ts";
import { validate } from "../../../shared/choria/validate.ts";
import { makeTrustSettings, readVectors, VECTOR_NOW_MS, vectorBytes } from "../../support/vectors.ts";

const BINARY = "v2-request-binary-payload";
const vectors = readVectors();

async function accept(raw: Uint8Array, kind: "registration" | "request" | "reply", nowMs = VECTOR_NOW_MS) {
  const settings = makeTrustSettings({ v2: { requireSignedReplies: false } });
  const verdict = await validate(raw, kind, createTrust(settings), nowMs);
  return verdict.ok ? verdict.message : null;
}

test("the envelope has go-choria's fields with go-choria's values", async () => {
  let compared = 0;
  for (const vector of vectors) {
    const theirs = vector.go_verdict.adapter_output;
    const message = await accept(Buffer.from(vector.raw, "base64"), vector.kind, Date.parse(vector.now));
    if (message === null || theirs == null || vector.name === BINARY) continue;
    const { schema, ...ours } = JSON.parse(String(adapterOutput(message, "envelope").body));
    assert.deepEqual(ours, theirs, vector.name);
    assert.equal(schema, 1);
    compared++;
  }
  assert.ok(compared >= 20, `${compared} compared`);
});

test("a payload that is not UTF-8 is carried whole, marked as base64", async () => {
  const vector = vectors.find(({ name }) => name === BINARY)!;
  const message = await accept(vectorBytes(BINARY), "request");
  const { body } = adapterOutput(message!, "envelope");
  assert.equal(JSON.parse(String(body)).encoding, "base64");
  const payload = readAdapterOutput(Buffer.from(String(body)))?.payload;
  assert.equal(Buffer.from(payload!).toString("base64"), vector.expected?.payload_b64);
});

test("the bare payload is the sender's bytes", async () => {
  const vector = vectors.find(({ name }) => name === "v1-request-valid")!;
  const message = await accept(vectorBytes("v1-request-valid"), "request");
  const { body } = adapterOutput(message!, "payload");
  assert.equal(Buffer.from(body).toString("base64"), vector.expected?.payload_b64);
});

test("headers tell what the envelope leaves out", async () => {
  const message = await accept(vectorBytes("v1-registration-file-plain"), "registration");
  assert.deepEqual(Object.fromEntries(adapterOutput(message!, "payload").headers), {
    "Choria-Sender": "node1.example.net",
    "Choria-Caller": "choria=node1.example.net",
    "Choria-Agent": "registration",
    "Choria-Collective": "mcollective",
    "Choria-Request-Id": message!.requestId,
    "Choria-Time": "2026-06-01T12:00:00Z",
    "Choria-Protocol": "v1",
    "Choria-Proof": "signature",
    "Choria-Sender-Proof": "signature",
  });
});

test("an envelope written by go-choria is read", () => {
  const theirs = {
    protocol: "choria:adapters:choria_streams:output:1",
    data: "päyload",
    sender: "node1",
    time: "2026-06-01T11:59:55.123456789Z",
    requestid: "abc",
  };
  const { data, requestid, protocol, ...same } = theirs;
  const expected = { ...same, requestId: requestid, payload: Buffer.from(data) };
  assert.deepEqual(readAdapterOutput(Buffer.from(JSON.stringify(theirs))), expected);
  assert.ok(protocol);
});

test("what is no envelope is not read as one", () => {
  const name = "choria:adapters:choria_streams:output:1";
  const bodies = ["", "null", "[]", "{}", `{"protocol":"${name}"}`, `{"data":"${name}"}`, `${name}`, "\xff"];
  for (const body of bodies) assert.equal(readAdapterOutput(Buffer.from(body, "latin1")), null, body);
});
