import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Kind } from "../../../shared/choria/message.ts";
import { REJECTION_CODES } from "../../../shared/choria/message.ts";
import { createTrust } from "../../../shared/choria/trust.ts";
import { validate } from "../../../shared/choria/validate.ts";
import { makeTrustSettings, readVectors, VECTOR_NOW_MS, vectorBytes } from "../../support/vectors.ts";

const trust = createTrust(makeTrustSettings({ v2: { requireSignedReplies: false } }));
const kinds = fc.constantFrom<Kind>("registration", "request", "reply");
const vectors = readVectors();
const codes: ReadonlySet<string> = new Set(REJECTION_CODES);

async function assertVerdict(raw: Uint8Array, kind: Kind): Promise<void> {
  const verdict = await validate(raw, kind, trust, VECTOR_NOW_MS);
  if (verdict.ok) return;
  assert.ok(codes.has(verdict.rejection.code), verdict.rejection.code);
  assert.doesNotMatch(verdict.rejection.detail, /validation itself failed/);
}

test("whatever the bytes, there is a verdict", async () => {
  await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), kinds, assertVerdict));
});

test("whatever the JSON in the layers, there is a verdict", async () => {
  const protocols = ["v1", "v2"] as const;
  const names = {
    v1: { transport: "choria:transport:1", secure: "choria:secure:request:1", inner: "choria:request:1" },
    v2: {
      transport: "io.choria.protocol.v2.transport",
      secure: "io.choria.protocol.v2.secure_request",
      inner: "io.choria.protocol.v2.request",
    },
  };
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value) ?? "").toString("base64");
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...protocols), fc.object(), fc.object(), kinds, async (protocol, a, b, kind) => {
      const name = names[protocol];
      const inner = { ...a, protocol: name.inner, envelope: b };
      const carried = protocol === "v1" ? { message: JSON.stringify(inner) } : { request: encode(inner) };
      const secure = { signature: "AAAA", pubcert: "x", caller: "a.b.c", ...b, ...carried, protocol: name.secure };
      const transport = { protocol: name.transport, headers: {}, data: encode(secure) };
      await assertVerdict(Buffer.from(JSON.stringify(transport)), kind);
    }),
  );
});

test("a vector with bytes changed, cut or added gets a verdict", async () => {
  const mutation = fc.record({
    vector: fc.constantFrom(...vectors),
    at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    bytes: fc.uint8Array({ maxLength: 4 }),
    cut: fc.nat(4),
  });
  await fc.assert(
    fc.asyncProperty(mutation, kinds, async ({ vector, at, bytes, cut }, kind) => {
      const raw = Buffer.from(vector.raw, "base64");
      const start = Math.floor(at * raw.length);
      await assertVerdict(Buffer.concat([raw.subarray(0, start), bytes, raw.subarray(start + cut)]), kind);
    }),
    { numRuns: 300 },
  );
});

const SIGNED = [
  ["v1-request-valid", "request", "message"],
  ["v1-registration-inventory-gz", "registration", "message"],
  ["v2-request-valid", "request", "request"],
  ["v2-registration-inventory-gz", "registration", "request"],
  ["v2-reply-valid-signed", "reply", "reply"],
  ["v1-reply-valid", "reply", "message"],
] as const;

for (const [name, kind, field] of SIGNED) {
  test(`a flipped bit under the proof is never accepted: ${name}`, async () => {
    const transport = JSON.parse(vectorBytes(name).toString());
    const secure = JSON.parse(Buffer.from(transport.data, "base64").toString());
    const encoding = field === "message" ? "utf8" : "base64";
    const signed = Buffer.from(secure[field], encoding);
    const position = fc.nat(signed.length * 8 - 1);
    await fc.assert(
      fc.asyncProperty(position, async (bit) => {
        const flipped = Buffer.from(signed);
        flipped[bit >> 3]! ^= 1 << (bit & 7);
        if (encoding === "utf8" && !flipped.equals(Buffer.from(flipped.toString("utf8")))) return;
        const data = Buffer.from(JSON.stringify({ ...secure, [field]: flipped.toString(encoding) })).toString("base64");
        const verdict = await validate(Buffer.from(JSON.stringify({ ...transport, data })), kind, trust, VECTOR_NOW_MS);
        assert.equal(verdict.ok, false);
      }),
      { numRuns: 150 },
    );
  });
}
