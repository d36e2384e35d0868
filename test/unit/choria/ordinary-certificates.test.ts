import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { libraryFacts } from "../../../shared/choria/x509/certificate.ts";
import { ordinaryFacts } from "../../../shared/choria/x509/ordinary.ts";
import { readPem } from "../../../shared/choria/x509/pem.ts";
import { vectorFile } from "../../support/vectors.ts";

const CERTIFICATES = readdirSync(new URL("../../fixtures/vectors/keys", import.meta.url))
  .filter((name) => name.startsWith("v1-") && name.endsWith(".pem"))
  .flatMap((name) => readPem(vectorFile(`keys/${name}`)) ?? [])
  .filter(({ label }) => label === "CERTIFICATE")
  .map(({ der }) => der);

test("an ordinary certificate says to the quick reader what it says to the X.509 library", () => {
  assert.ok(CERTIFICATES.length >= 5);
  for (const der of CERTIFICATES) {
    const facts = ordinaryFacts(der);
    assert.notEqual(facts, null, libraryFacts(der)?.subject);
    assert.deepEqual(plain(facts), plain(libraryFacts(der)));
  }
});

test("whatever a certificate holds, the quick reader says what the library says, or nothing", () => {
  const change = fc.record({ place: fc.nat(), byte: fc.integer({ min: 0, max: 255 }) });
  let read = 0;
  fc.assert(
    fc.property(
      fc.constantFrom(...CERTIFICATES),
      fc.array(change, { minLength: 1, maxLength: 3 }),
      (whole, changes) => {
        const der = Buffer.from(whole);
        for (const { place, byte } of changes) der[place % der.length] = byte;
        const quick = isParsed(der) ? ordinaryFacts(der) : null;
        const library = quick === null ? null : libraryFacts(der);
        if (library === null) return;
        read += 1;
        assert.deepEqual(plain(quick), plain(library));
      },
    ),
    { numRuns: 500 },
  );
  assert.ok(read > 50, `only ${read} were read by both`);
});

test("bytes that are no certificate are no ordinary one", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      assert.equal(ordinaryFacts(Buffer.from(bytes)), null);
    }),
  );
});

/** Its values alone: one has getters, the other arrays of a class of its own. */
const plain = (facts: object | null): unknown => JSON.parse(JSON.stringify(facts));

function isParsed(der: Buffer): boolean {
  try {
    return new X509Certificate(der).raw.length === der.length;
  } catch {
    return false;
  }
}
