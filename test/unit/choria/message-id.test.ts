import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import type { Kind, ValidatedMessage } from "../../../shared/choria/message.ts";
import type { TrustSettings } from "../../../shared/choria/settings.ts";
import { createTrust } from "../../../shared/choria/trust.ts";
import { validate } from "../../../shared/choria/validate.ts";
import { makeTrustSettings, VECTOR_NOW_MS, vectorBytes } from "../../support/vectors.ts";

async function accept(raw: Uint8Array, kind: Kind, settings: TrustSettings = makeTrustSettings()) {
  const verdict = await validate(raw, kind, createTrust(settings), VECTOR_NOW_MS);
  assert.ok(verdict.ok, verdict.ok ? "" : verdict.rejection.detail);
  return verdict.message;
}

/** The message in another wrapping: other headers, key order and white space around the same signed bytes. */
function rewrap(raw: Uint8Array, change: (secure: Record<string, string>) => void = () => {}): Buffer {
  const transport = JSON.parse(Buffer.from(raw).toString());
  const secure = JSON.parse(Buffer.from(transport.data, "base64").toString());
  change(secure);
  const data = Buffer.from(JSON.stringify(secure, null, 1)).toString("base64");
  return Buffer.from(
    JSON.stringify({ headers: { mc_sender: "someone.else" }, data, protocol: transport.protocol }, null, 2),
  );
}

for (const name of ["v1-request-valid", "v2-request-valid"]) {
  test(`a re-wrapped copy keeps the id: ${name}`, async () => {
    const raw = vectorBytes(name);
    const [original, copy] = [await accept(raw, "request"), await accept(rewrap(raw), "request")];
    assert.equal(copy.messageId, original.messageId);
  });
}

test("another line break in the certificate keeps the id", async () => {
  const raw = vectorBytes("v1-request-valid");
  const copy = rewrap(raw, (secure) => {
    secure["pubcert"] = `${secure["pubcert"]}\n\n`;
  });
  assert.equal((await accept(copy, "request")).messageId, (await accept(raw, "request")).messageId);
});

test("a v2 reply stripped of its signature gets another id", async () => {
  const raw = vectorBytes("v2-reply-valid-signed");
  const lax = makeTrustSettings({ v2: { requireSignedReplies: false } });
  const stripped = rewrap(raw, (secure) => {
    delete secure["signature"];
    delete secure["sender"];
  });
  const [genuine, copy] = [await accept(raw, "reply", lax), await accept(stripped, "reply", lax)];
  assert.deepEqual(
    [genuine.proof, genuine.senderProof, copy.proof, copy.senderProof],
    [...["signature", "signature"], ...["hash", "none"]],
  );
  assert.notEqual(copy.messageId, genuine.messageId);
});

test("a v2 reply with a token but no signature, or the other way round, counts as unsigned", async () => {
  for (const field of ["signature", "sender"]) {
    const raw = rewrap(vectorBytes("v2-reply-valid-signed"), (secure) => {
      delete secure[field];
    });
    const verdict = await validate(raw, "reply", createTrust(makeTrustSettings()), VECTOR_NOW_MS);
    assert.equal(verdict.ok ? "ok" : verdict.rejection.code, "reply_unsigned", field);
  }
});

test("the id is the SHA-256 of kind, proof and signed bytes", async () => {
  const raw = vectorBytes("v1-request-valid");
  const signed = JSON.parse(Buffer.from(JSON.parse(raw.toString()).data, "base64").toString()).message;
  const expected = createHash("sha256").update(`request\0signature\0${signed}`).digest("hex");
  assert.equal((await accept(raw, "request")).messageId, expected);
});

test("one message has another id as another kind", async () => {
  const allowNode = makeTrustSettings({ v1: { allow: ["\\.example\\.net$"] } });
  const raw = vectorBytes("v1-registration-file-plain");
  const ids = [await accept(raw, "registration"), await accept(raw, "request", allowNode)].map(idOf);
  assert.notEqual(ids[0], ids[1]);
});

const idOf = (message: ValidatedMessage) => message.messageId;
