import assert from "node:assert/strict";
import { test } from "node:test";
import { runConformance } from "../../../functions/cli/conformance.ts";
import { judgeVector, profileSchema } from "../../../shared/choria/conformance.ts";
import { readVectors, vectorFile } from "../../support/vectors.ts";

const profiles: Readonly<Record<string, unknown>> = JSON.parse(vectorFile("meta/profiles.json"));
const vectors = readVectors();

for (const tier of ["core", "hardening", "optional", "either"] as const) {
  test(`every vector of tier ${tier} gives the verdict it names`, async () => {
    const results = await Promise.all(vectors.filter((vector) => vector.tier === tier).map(judge));
    assert.deepEqual(
      results.filter((result) => result !== null),
      [],
    );
  });
}

function judge(vector: (typeof vectors)[number]) {
  const profile = profileSchema.parse(profiles[vector.profile]);
  const text = (path: string | undefined) => (path === undefined ? "" : vectorFile(path));
  return judgeVector(vector, profile, { caPem: text(profile.ca), crlPem: text(profile.crl) });
}

test("a conformance run ends with the totals", async () => {
  const lines: string[] = [];
  const exit = await runConformance("test/fixtures/vectors", (line) => lines.push(line));
  assert.deepEqual([exit, lines], [0, [`${vectors.length} passed, 0 failed`]]);
});

test("a vector that is not met is a mismatch with what was expected and what came", async () => {
  const vector = vectors.find(({ name }) => name === "v1-request-valid")!;
  const mismatch = await judge({ ...vector, expect: "reject", reason: "cert_revoked" });
  assert.equal(mismatch?.name, "v1-request-valid");
  assert.match(`${mismatch?.expected} ${mismatch?.got}`, /reject cert_revoked accept ok/);
});

test("a value that comes out other than expected is a mismatch", async () => {
  const vector = vectors.find(({ name }) => name === "v1-request-valid")!;
  const mismatch = await judge({ ...vector, expected: { ...vector.expected, time: "2026-06-01T11:59:55.001Z" } });
  assert.match(mismatch?.expected ?? "", /^time /);
});

test("a folder that holds no vectors is refused by name", async () => {
  const lines: string[] = [];
  const exit = await runConformance("test/fixtures/captures", (line) => lines.push(line));
  assert.equal(exit, 2);
  assert.match(lines.join("\n"), /profiles\.json cannot be read/);
});
