import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { headers } from "nats";
import { stringify } from "yaml";
import { QUARANTINE_HEADERS } from "../../functions/bridge/quarantine/quarantine.ts";
import { runCli } from "../support/cli.ts";
import { makeConfigValue } from "../support/config.ts";
import { startNats } from "../support/nats.ts";

/** A quarantine that holds three messages which are no JSON. */
async function setup(t: TestContext) {
  const { url, connect } = await startNats(t);
  const folder = await mkdtemp(join(tmpdir(), "choria-bridge-quarantine-"));
  t.after(() => rm(folder, { recursive: true }));
  const config = join(folder, "my.yaml");
  const trust = { v2: { issuers: { choria: "ab".repeat(32) } } };
  const value = makeConfigValue({ connections: { main: { servers: [url] } }, trust });
  await writeFile(config, stringify(value));
  await runCli(["streams", "apply", "--config", config]);
  const js = (await connect()).jetstream();
  for (let count = 0; count < 3; count++) await js.publish("CHORIA_QUARANTINE.bad_json", "{", makeHeaders(value));
  return config;
}

function makeHeaders({ ingest }: ReturnType<typeof makeConfigValue>) {
  const given = headers();
  given.set(QUARANTINE_HEADERS.code, "bad_json");
  given.set(QUARANTINE_HEADERS.ingest, Object.keys(ingest as object)[0] ?? "");
  given.set(QUARANTINE_HEADERS.receivedAt, "1");
  return { headers: given };
}

test("quarantine replay judges the messages that were named, and no other", async (t) => {
  const config = await setup(t);

  const { code, stdout } = await runCli(["quarantine", "replay", "1", "2", "--config", config]);

  assert.equal(code, 3);
  assert.match(
    stdout,
    /^1 .*\n.*still refused: bad_json.*\n2 .*\n.*still refused.*\n0 stored, 2 rejected, 0 unusable, 0 failed\n$/,
  );
});

test("quarantine ls lists the oldest first, up to a limit", async (t) => {
  const config = await setup(t);

  const { code, stdout } = await runCli(["quarantine", "ls", "--limit", "2", "--json", "--config", config]);

  assert.equal(code, 0);
  assert.deepEqual(
    stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).sequence),
    [1, 2],
  );
});
