import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { runCli } from "../support/cli.ts";
import { vectorBytes } from "../support/vectors.ts";

const FOLDER = "test/fixtures/captures";

for (const protocol of ["v1", "v2"]) {
  test(`inspect --jsonl accepts every ${protocol} registration and says so for each line`, async () => {
    const args = ["--jsonl", "--json", "--config", `${FOLDER}/${protocol}.yaml`, `${FOLDER}/${protocol}.jsonl`];
    const { code, stdout } = await runCli(["inspect", ...args]);
    const lines = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    assert.equal(code, 3); // events and submissions are among the captures
    assert.deepEqual(
      lines.filter(({ captured }) => captured === "registration").map(({ ok, code: verdict }) => [ok, verdict]),
      Array(18).fill([true, "ok"]),
    );
    assert.ok(lines.every(({ ok, code: verdict }) => typeof ok === "boolean" && typeof verdict === "string"));
  });
}

test("inspect says which CA a refused certificate would need, and exits 3", async (t) => {
  const file = makeFile(t.after.bind(t), vectorBytes("v1-request-valid"));
  const { code, stdout } = await runCli(["inspect", "--config", `${FOLDER}/v1.yaml`, file]);
  assert.equal(code, 3);
  assert.match(stdout, /configuredCas +CN=Fleet Test CA/);
  assert.match(stdout, /REJECTED as request: untrusted_cert/);
});

test("inspect exits 2 for what it cannot use", async (t) => {
  const notCaptures = makeFile(t.after.bind(t), Buffer.from("{}"));
  const cases = [
    ["inspect"],
    ["inspect", "--config", "missing.yaml"],
    ["inspect", "--config", `${FOLDER}/v1.yaml`, "missing"],
    ["inspect", "--config", `${FOLDER}/v1.yaml`, "--now", "yesterday", notCaptures],
    ["inspect", "--config", `${FOLDER}/v1.yaml`, "--jsonl", notCaptures],
  ];
  const results = await Promise.all(cases.map((args) => runCli(args)));
  assert.deepEqual(
    results.map(({ code }) => code),
    cases.map(() => 2),
  );
  assert.match(results.at(-1)?.stderr ?? "", /line 1 is no capture/);
});

function makeFile(after: (cleanup: () => void) => void, bytes: Uint8Array): string {
  const folder = mkdtempSync(path.join(tmpdir(), "inspect-"));
  after(() => rmSync(folder, { recursive: true }));
  const file = path.join(folder, "input");
  writeFileSync(file, bytes);
  return file;
}
