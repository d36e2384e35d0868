import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { stringify } from "yaml";
import { runCli } from "../support/cli.ts";
import { makeConfigValue } from "../support/config.ts";
import { startNats } from "../support/nats.ts";

async function setup(t: TestContext) {
  const { url, jsm } = await startNats(t);
  const folder = await mkdtemp(join(tmpdir(), "choria-bridge-streams-"));
  t.after(() => rm(folder, { recursive: true }));
  const config = join(folder, "my.yaml");
  const write = (sections: object) => {
    const trust = { v2: { issuers: { choria: "ab".repeat(32) } } };
    return writeFile(
      config,
      stringify(makeConfigValue({ connections: { main: { servers: [url] } }, trust, ...sections })),
    );
  };
  await write({});
  return { config, write, jsm: await jsm() };
}

test("streams apply makes every stream and consumer, and streams check then finds them", async (t) => {
  const { config, jsm } = await setup(t);

  const before = await runCli(["streams", "check", "--config", config]);
  const applied = await runCli(["streams", "apply", "--config", config]);
  const after = await runCli(["streams", "check", "--config", config, "--json"]);

  assert.equal(before.code, 1);
  assert.match(before.stdout, /stream inventory: missing\n/);
  assert.deepEqual(applied, {
    code: 0,
    stdout: `${["stream inventory", "stream nodes", "stream quarantine", "stream deadLetters", "stream audit", "stream delayed", "stream advisories", "consumer delayed republish", "consumer sweeper", "consumer republish"].join(": created\n")}: created\n`,
    stderr: "",
  });
  assert.equal(after.code, 0);
  assert.equal(JSON.parse(after.stdout).ok, true);
  assert.equal((await jsm.consumers.info("inventory", "republish")).config.max_deliver, -1);
});

test("streams apply says what differs and refuses, and with --apply changes it", async (t) => {
  const { config, write } = await setup(t);
  await runCli(["streams", "apply", "--config", config]);
  await write({ jobs: { republish: { stream: "inventory", sink: "nodes", maxAckPending: 7 } } });

  const refused = await runCli(["streams", "apply", "--config", config]);
  const changed = await runCli(["streams", "apply", "--config", config, "--apply"]);

  assert.equal(refused.code, 1);
  assert.match(refused.stdout, /consumer republish: differs\n {2}max_ack_pending: configured 7, on the server 10000/);
  assert.equal(changed.code, 0);
  assert.match(changed.stdout, /consumer republish: updated/);
});
