import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { copyFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { trustSection } from "../../functions/simulate/trust.ts";
import { REGISTRATION_SUBJECT } from "../support/bridge.ts";
import { runCli, startCli } from "../support/cli.ts";
import { eventually } from "../support/eventually.ts";
import { startFleet } from "../support/fleet.ts";
import { makeFolder, writeYaml } from "../support/folder.ts";
import { startNats } from "../support/nats.ts";
import { vectorFile } from "../support/vectors.ts";

const TTL_MS = 30_000;

/** A bridge that trusts the wrong CA has refused two registrations and some rubbish; then the CA is mended. */
async function setup(t: TestContext) {
  const nats = await startNats(t, { config: "max_payload: 100000" });
  const [fleet, folder, client, jsm] = await Promise.all([startFleet(t), makeFolder(t), nats.connect(), nats.jsm()]);
  const ca = join(folder, "ca.pem");
  await writeFile(ca, vectorFile("keys/v1-ca.pem"));
  const trust = trustSection(fleet.pki, "mcollective");
  const file = await writeYaml(folder, {
    connections: { main: { servers: [nats.url] } },
    trust: { v1: { ...trust.v1, ca: "ca.pem" }, ttl: { max: "30s" } },
    ingest: { registration: { connection: "main", subject: REGISTRATION_SUBJECT, kind: "registration", to: ["JOBS"] } },
    streams: { JOBS: { connection: "main", subject: "jobs.{sender}" } },
    bridge: { http: { port: 0 } },
  });
  const bridge = startCli(["bridge", "--config", file]);
  t.after(() => bridge.child.kill("SIGKILL"));
  await eventually(() => assert.match(bridge.output.stderr, /the bridge is receiving/), { timeoutMs: 60_000 });
  // Some seconds short of its end when it arrives; by the time of the replay it is over.
  const expiresAt = Date.now() + 6_000;
  const timeNs = BigInt(expiresAt - TTL_MS) * 1_000_000n;
  const registrations = await Promise.all(
    [0, 1].map((node) => fleet.registration(node, { protocol: "v1", ttlSeconds: TTL_MS / 1_000, timeNs })),
  );
  const rubbish = randomBytes(99_000);
  for (const message of [...registrations, rubbish]) client.publish(REGISTRATION_SUBJECT, message);
  const messages = async (stream: string) => (await jsm.streams.info(stream)).state.messages;
  await eventually(async () => assert.equal(await messages("CHORIA_QUARANTINE"), 3));
  bridge.child.kill("SIGTERM");
  await bridge.ended;
  await eventually(() => assert.ok(Date.now() > expiresAt, "not over yet"));
  await copyFile(fleet.pki.caFile, ca);
  const quarantine = (...args: string[]) => runCli(["quarantine", ...args, "--config", file]);
  return { file, registrations, rubbish, messages, quarantine };
}

const jsonLines = (text: string) =>
  text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));

test("refused messages are listed, shown, and stored once the CA is mended, judged as of their arrival", async (t) => {
  const { registrations, rubbish, messages, quarantine } = await setup(t);

  const [ls, lsCode, lsLimit] = await Promise.all([
    quarantine("ls"),
    quarantine("ls", "--code", "untrusted_cert", "--json"),
    quarantine("ls", "--limit", "1"),
  ]);
  assert.deepEqual([ls.code, lsCode.code, lsLimit.code], [0, 0, 0]);
  assert.match(ls.stdout, /^1 {2}\S+Z {2}untrusted_cert {2}registration {2}mcollective\.\S+ {2}\d+ B {2}/);
  assert.deepEqual(
    jsonLines(lsCode.stdout).map(({ sequence, code, truncated }) => [sequence, code, truncated]),
    [
      [1, "untrusted_cert", false],
      [2, "untrusted_cert", false],
    ],
  );
  assert.equal(lsLimit.stdout.trim().split("\n").length, 1);

  const [show, showJson, showCut] = await Promise.all([
    quarantine("show", "1"),
    quarantine("show", "1", "--json"),
    quarantine("show", "3", "--json"),
  ]);
  assert.match(show.stdout, /^sequence +1\ncode +untrusted_cert\n/);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what a terminal obeys must not be printed
  assert.doesNotMatch((await quarantine("show", "3")).stdout, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
  assert.deepEqual(Buffer.from(JSON.parse(showJson.stdout).body, "base64"), registrations[0]);
  const cut = JSON.parse(showCut.stdout);
  assert.deepEqual([cut.truncated, cut.bytes], [true, 99_000]);
  assert.deepEqual(Buffer.from(cut.body, "base64"), rubbish.subarray(0, Buffer.from(cut.body, "base64").length));

  const dryRun = await quarantine("replay", "--all", "--dry-run");
  assert.equal(dryRun.code, 3);
  assert.match(dryRun.stdout, /-> would be stored\n/);
  assert.match(dryRun.stdout, /\n2 stored, 0 rejected, 1 unusable, 0 failed\n$/);
  assert.deepEqual([await messages("JOBS"), await messages("CHORIA_QUARANTINE")], [0, 3]);

  // Their 30 seconds are over: judged as of now they would be refused.
  const expired = arrivalOf(showJson.stdout) + 2_500;
  await eventually(() => assert.equal(Date.now() > expired, true));
  const one = await quarantine("replay", "2", "--json");
  assert.equal(one.code, 0, one.stdout);
  assert.deepEqual(JSON.parse(one.stdout).result, { type: "stored", duplicate: false });
  const all = await quarantine("replay", "--all");
  assert.equal(all.code, 3);
  assert.match(all.stdout, /-> stored, removed from the quarantine\n/);
  assert.match(all.stdout, /-> cannot be replayed: only the beginning of the message was kept\n/);
  assert.match(all.stdout, /\n1 stored, 0 rejected, 1 unusable, 0 failed\n$/);
  assert.deepEqual([await messages("JOBS"), await messages("CHORIA_QUARANTINE")], [2, 1]);
});

function arrivalOf(shown: string): number {
  return Date.parse(JSON.parse(shown).receivedAt);
}

test("quarantine says what it cannot do, by exit code", async (t) => {
  const { quarantine } = await setup(t);

  const cases: readonly (readonly [code: number, says: RegExp, args: readonly string[]])[] = [
    [2, /"first" is no sequence number/, ["show", "first"]],
    [2, /"0" is no sequence number/, ["replay", "0"]],
    [2, /name sequences, or say --all or --code/, ["replay"]],
    [2, /no sequence number|no number/, ["ls", "--limit", "-1"]],
    [1, /the quarantine holds no message 99/, ["show", "99"]],
    [1, /the quarantine holds no message 99/, ["replay", "99"]],
  ];
  const results = await Promise.all(cases.map(([, , args]) => quarantine(...args)));

  for (const [index, [code, says]] of cases.entries()) {
    assert.equal(results[index]?.code, code, JSON.stringify(results[index]));
    assert.match(results[index]?.stderr ?? "", says);
  }
});
