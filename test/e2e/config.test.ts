import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { parse } from "yaml";
import { runCli } from "../support/cli.ts";

const BROKEN =
  'connections: {}\ntrust: { v1: { ca: missing.pem } }\nsteams: {}\nquarantine: { connection: "${NOPE}" }\n';

async function setup(t: TestContext, text: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "choria-bridge-config-"));
  t.after(() => rm(folder, { recursive: true }));
  const file = join(folder, "my.yaml");
  await writeFile(file, text);
  return file;
}

test("config check prints every problem, a missing file among them, and exits with 2", async (t) => {
  const file = await setup(t, BROKEN);

  const { code, stderr } = await runCli(["config", "check", file]);

  assert.equal(code, 2);
  const lines = stderr.trim().split("\n");
  assert.equal(lines.length, 3);
  for (const [index, place] of ["2 trust.v1.ca", "3 steams", "4 quarantine.connection"].entries()) {
    assert.ok(lines[index]?.startsWith(`${file}:${place}: `), lines[index]);
  }
});

test("config check --json gives the same as data", async (t) => {
  const file = await setup(t, BROKEN);

  const { code, stdout } = await runCli(["config", "check", file, "--json"]);

  const { ok, problems } = JSON.parse(stdout);
  assert.deepEqual([code, ok, problems.length], [2, false, 3]);
  assert.ok(problems.every((one: { file: string; fix: string }) => one.file === file && one.fix !== ""));
});

test("config show completes and masks, and --json is the same document", async (t) => {
  const trust = `trust: { v2: { trustedSigners: ["${"ab".repeat(32)}"] } }`;
  const file = await setup(t, `connections:\n  main:\n    servers: ["nats://\${HOST}:4222"]\n${trust}\n`);

  const yaml = await runCli(["config", "show", file], { HOST: "broker" });
  const json = await runCli(["config", "show", file, "--json"], { HOST: "broker" });

  assert.deepEqual([yaml.code, json.code], [0, 0]);
  const shown = parse(yaml.stdout);
  assert.deepEqual(shown, JSON.parse(json.stdout));
  assert.deepEqual(shown.connections.main.servers, ["nats://broker:4222"]);
  assert.equal(shown.trust.ttl.max, "1m");
});

test("config reference prints docs/configuration.md", async () => {
  const { code, stdout } = await runCli(["config", "reference"]);

  assert.equal(code, 0);
  assert.match(stdout, /^# Configuration\n/);
  assert.match(stdout, /## A complete example/);
});
