import assert from "node:assert/strict";
import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, type TestContext, test } from "node:test";
import { nodeIdentity } from "../../functions/simulate/identity.ts";
import { trustSection } from "../../functions/simulate/trust.ts";
import { REGISTRATION_SUBJECT } from "../support/bridge.ts";
import { type RunningBridge, startBridgeProcess } from "../support/bridge-process.ts";
import { eventually } from "../support/eventually.ts";
import { startFleet } from "../support/fleet.ts";
import { makeFolder, writeYaml } from "../support/folder.ts";
import { startNats } from "../support/nats.ts";

/** One for all tests: making its authorities takes a second. */
const sharedFleet = startFleet({ after });

/** A bridge whose deny list is a file. */
async function setup(t: TestContext, watch: string) {
  const nats = await startNats(t);
  const [fleet, folder, client, jsm] = await Promise.all([sharedFleet, makeFolder(t), nats.connect(), nats.jsm()]);
  const file = join(folder, "deny.txt");
  await writeFile(file, "# nobody\n");
  const config = {
    connections: { main: { servers: [nats.url] } },
    trust: { ...trustSection(fleet.pki, "mcollective"), deny: { file: "deny.txt" }, watch },
    ingest: { registration: { connection: "main", subject: REGISTRATION_SUBJECT, kind: "registration", to: ["JOBS"] } },
    streams: { JOBS: { connection: "main", subject: "jobs.{sender}" } },
    bridge: { http: { port: 0 } },
  };
  const yaml = await writeYaml(folder, config);
  const bridge = await startBridgeProcess(t, yaml);
  const send = async (index: number) => client.publish(REGISTRATION_SUBJECT, await fleet.registration(index));
  const count = async (stream: string) => (await jsm.streams.info(stream)).state.messages;
  const replace = async (text: string) => {
    await writeFile(`${file}.new`, text);
    await rename(`${file}.new`, file);
  };
  return { folder, file, config, bridge, send, count, replace };
}

function linesOf(bridge: RunningBridge, text: string): Record<string, unknown>[] {
  return bridge.output.stderr
    .split("\n")
    .filter((line) => line.includes(text) && line.endsWith("}"))
    .map((line) => JSON.parse(line));
}

const page = async (bridge: RunningBridge, path: string) => (await fetch(`${bridge.telemetryUrl}${path}`)).text();

async function metric(bridge: RunningBridge, name: string): Promise<number> {
  const found = new RegExp(`^choria_bridge_${name} (\\S+)$`, "m").exec(await page(bridge, "/metrics"));
  return Number(found?.[1]);
}

test("a deny list that is replaced takes effect by itself, with one audit line that says what changed", async (t) => {
  const { bridge, send, count, replace } = await setup(t, "100ms");
  await send(0);
  await eventually(async () => assert.equal(await count("JOBS"), 1));

  await replace(`${nodeIdentity(0)} # stolen\n`);
  await eventually(async () => assert.equal(await metric(bridge, "trust_changes_total"), 1));
  await send(0);
  await send(1);

  await eventually(async () => assert.equal(await count("JOBS"), 2));
  await eventually(async () => assert.equal(await count("CHORIA_QUARANTINE"), 1));
  const lines = linesOf(bridge, "trust was read again");
  assert.equal(lines.length, 1, bridge.output.stderr);
  const change = { added: 1, removed: 0, entries: [`+ ${nodeIdentity(0)}`] };
  assert.deepEqual(lines[0]?.["changes"], { "deny.tokens": change, "deny.identities": change });
  assert.equal(lines[0]?.["cause"], "a trust file changed");
});

test("a deny list that is written by half keeps the old one, is named in log, metric and readyz, and is mended by the rest", async (t) => {
  const { bridge, send, count, replace } = await setup(t, "100ms");
  await replace(`${nodeIdentity(0)}\n${nodeIdentity(1)}\n`);
  await eventually(async () => assert.equal(await metric(bridge, "trust_changes_total"), 1));

  await replace(`${nodeIdentity(0)}\n${nodeIdentity(1).slice(0, 3)}`);
  await eventually(async () => assert.equal(await metric(bridge, "trust_refused"), 1));
  await send(1);
  await eventually(async () => assert.equal(await count("CHORIA_QUARANTINE"), 1));

  const [line] = linesOf(bridge, "trust could not be read again; the old one stays");
  assert.match(JSON.stringify(line), /trust\.deny\.file.*its last line has no end/);
  assert.match(await page(bridge, "/readyz"), /^ready\nwarning: trust: what was read last is refused/);
  assert.equal(await metric(bridge, "trust_refusals_total"), 1, "a broken file is told of once, not at each look");

  await replace(`${nodeIdentity(0)}\n`);
  await eventually(async () => assert.equal(await metric(bridge, "trust_refused"), 0));
  await send(1);
  await eventually(async () => assert.equal(await count("JOBS"), 1));
});

test("with watch 0s only SIGHUP reads trust again; a section that the running streams cannot bear is refused", async (t) => {
  const { folder, config, bridge, replace } = await setup(t, "0s");
  const hangUp = async (says: RegExp) => {
    const { length } = bridge.output.stderr;
    bridge.child.kill("SIGHUP");
    await eventually(() => assert.match(bridge.output.stderr.slice(length), says));
  };
  await replace(`${nodeIdentity(0)}\n`);
  await hangUp(/"deny\.identities".*trust was read again and has changed/);
  await hangUp(/nothing has changed/);

  // The streams' duplicate windows were made for a ttl of 60s: replays would outlive them.
  await writeYaml(folder, { ...config, trust: { ...config.trust, ttl: { max: "2h" } } });
  await hangUp(/duplicateWindow.*trust could not be read again; the old one stays/);

  assert.equal(await metric(bridge, "trust_changes_total"), 1);
});
