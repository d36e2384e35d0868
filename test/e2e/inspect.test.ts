import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { runCli } from "../support/cli.ts";
import { VECTOR_NOW_MS, vectorBytes, vectorFile } from "../support/vectors.ts";

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

test("inspect accepts a message of standard input at the time it was alive, and refuses it a day later", async () => {
  const args = ["inspect", "-", "--config", "test/fixtures/captures/v2.yaml", "--kind", "registration", "--json"];
  const { received, payload } = firstCapture("v2");
  const surroundings = { input: Buffer.from(payload, "base64") };

  const [alive, late] = await Promise.all([
    runCli([...args, "--now", received], {}, surroundings),
    runCli([...args, "--now", new Date(Date.parse(received) + 86_400_000).toISOString()], {}, surroundings),
  ]);

  assert.deepEqual([alive.code, JSON.parse(alive.stdout).ok, JSON.parse(alive.stdout).code], [0, true, "ok"]);
  assert.deepEqual([late.code, JSON.parse(late.stdout).ok, JSON.parse(late.stdout).code], [3, false, "ttl_expired"]);
});

test("inspect judges a test vector as it is meant, with the trust of its profile", async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), "inspect-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const config = path.join(folder, "my.yaml");
  const issuer = vectorFile("keys/v2-org.pub").trim();
  writeFileSync(config, `trust: { v2: { issuers: { choria: "${issuer}" } }, ttl: { max: 1h } }\n`);
  const now = new Date(VECTOR_NOW_MS).toISOString();
  const judge = (name: string) =>
    runCli(["inspect", "--config", config, "--now", now, "--kind", "request"], {}, { input: vectorBytes(name) });

  const [valid, tampered] = await Promise.all([judge("v2-request-valid"), judge("v2-tampered-request")]);

  assert.deepEqual([valid.code, tampered.code], [0, 3], valid.stdout + tampered.stdout);
  assert.match(valid.stdout, /^accepted as request: ok$/m);
  assert.match(tampered.stdout, /REJECTED as request: signature_invalid/);
});

for (const form of [[], ["--json"]]) {
  test(`inspect ${form.join("")} shows no token, signature, certificate or key`, async () => {
    for (const protocol of ["v1", "v2"]) {
      const raw = Buffer.from(firstCapture(protocol).payload, "base64");
      const args = ["inspect", "-", "--config", `${FOLDER}/${protocol}.yaml`, ...form];
      const { stdout } = await runCli(args, {}, { input: raw });

      const secure = JSON.parse(Buffer.from(JSON.parse(raw.toString()).data, "base64").toString());
      const secrets = [secure.signature, secure.caller, secure.pubcert]
        .filter((text) => typeof text === "string")
        .flatMap((text) => [text, ...text.split(/[.\n]/)])
        .filter((part) => part.length > 30);
      assert.ok(secrets.length > 2, "nothing was looked for");
      assert.deepEqual(
        secrets.filter((part) => stdout.includes(part)),
        [],
      );
    }
  });
}

/** The first registration recorded. */
function firstCapture(protocol: string): { received: string; payload: string } {
  const lines = readFileSync(`${FOLDER}/${protocol}.jsonl`, "utf8").trim().split("\n");
  return lines.map((line) => JSON.parse(line)).find(({ kind }) => kind === "registration");
}

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
