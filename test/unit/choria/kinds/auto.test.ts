import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Kind, Verdict } from "../../../../shared/choria/message.ts";
import { createTrust } from "../../../../shared/choria/trust.ts";
import { validate } from "../../../../shared/choria/validate.ts";
import { makeTrustSettings, readVectors, vectorBytes } from "../../../support/vectors.ts";

const vectors = readVectors();
const TRUSTS = {
  strict: createTrust(makeTrustSettings()),
  lenient: createTrust(
    makeTrustSettings({ v1: { allowInsecureRegistration: true }, v2: { requireSignedReplies: false } }),
  ),
};

/** What a message says it is, found without the code under test; "request" where it says nothing that can be read. */
function saidKind(raw: Uint8Array): Kind {
  try {
    const secure = JSON.parse(Buffer.from(JSON.parse(Buffer.from(raw).toString()).data, "base64").toString());
    if (/secure[:_]reply/.test(secure.protocol)) return "reply";
    const inner = JSON.parse(secure.message ?? Buffer.from(secure.request, "base64").toString());
    return (inner.envelope ?? inner).agent === "registration" ? "registration" : "request";
  } catch {
    return "request";
  }
}

for (const [name, trust] of Object.entries(TRUSTS)) {
  test(`every vector is judged by what it says it is as by its kind, under ${name} trust`, async () => {
    const kinds = new Set<string>();
    for (const vector of vectors) {
      const raw = Buffer.from(vector.raw, "base64");
      const kind = saidKind(raw);
      const nowMs = Date.parse(vector.now);
      const verdict = await validate(raw, "auto", trust, nowMs);
      assert.deepEqual(verdict, await validate(raw, kind, trust, nowMs), vector.name);
      if (verdict.ok) kinds.add(verdict.message.kind);
    }
    assert.deepEqual([...kinds].sort(), ["registration", "reply", "request"]);
  });
}

test("whatever is done to a message, it is accepted as the kind it says or not at all", async () => {
  const trust = TRUSTS.lenient;
  const mutation = fc.record({
    vector: fc.constantFrom(...vectors),
    at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    bytes: fc.uint8Array({ maxLength: 3 }),
    cut: fc.nat(3),
  });
  await fc.assert(
    fc.asyncProperty(mutation, async ({ vector, at, bytes, cut }) => {
      const whole = Buffer.from(vector.raw, "base64");
      const start = Math.floor(at * whole.length);
      const raw = Buffer.concat([whole.subarray(0, start), bytes, whole.subarray(start + cut)]);
      const judged = (kind: Kind | "auto"): Promise<Verdict> => validate(raw, kind, trust, Date.parse(vector.now));
      const verdict = await judged("auto");
      if (verdict.ok) assert.deepEqual(verdict, await judged(verdict.message.kind as Kind));
      else assert.ok(!(await judged(saidKind(raw))).ok);
    }),
    { numRuns: 300 },
  );
});

test("a client's request to agent registration is held to the rules of registrations", async () => {
  const verdict = await validate(
    vectorBytes("v1-registration-by-client"),
    "auto",
    TRUSTS.strict,
    Date.parse(vectors.find(({ name }) => name === "v1-registration-by-client")!.now),
  );
  assert.equal(verdict.ok, false);
});
