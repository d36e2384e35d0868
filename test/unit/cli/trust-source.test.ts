import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { type TestContext, test } from "node:test";
import { pino } from "pino";
import { TrustInForce } from "../../../functions/bridge/trust/in-force.ts";
import { openConfigFile } from "../../../functions/cli/config-file.ts";
import { TrustSource } from "../../../functions/cli/trust-source.ts";
import { makeFolder } from "../../support/folder.ts";
import { vectorFile } from "../../support/vectors.ts";

const configured = (v1: string) => `
connections: { main: { servers: ["nats://127.0.0.1:4222"] } }
trust: { v1: ${v1} }
ingest:
  registration: { connection: main, subject: registrations, kind: registration, to: [S] }
streams:
  S: { connection: main, subject: "s.{sender}" }
`;
const OLD = configured('{ ca: ca.pem, nodes: ["^node1$"] }');
/** Its list is of another authority than its certificate. */
const UNUSABLE = configured('{ ca: rogue.pem, crl: crl.pem, nodes: [".*"] }');

async function setup(t: TestContext) {
  const folder = await makeFolder(t);
  const path = join(folder, "bridge.yaml");
  const put = (name: string, text: string) => writeFile(join(folder, name), text);
  await put("ca.pem", vectorFile("keys/v1-ca.pem"));
  await put("rogue.pem", vectorFile("keys/v1-rogue-ca.pem"));
  await put("crl.pem", vectorFile("keys/v1-ca.crl.pem"));
  await put("bridge.yaml", OLD);
  const { config, resolved } = openConfigFile(path, {});
  const inForce = new TrustInForce(resolved.trust, pino({ level: "silent" }));
  const source = new TrustSource(path, {}, config);
  const hangUp = () => {
    const result = inForce.reload(() => source.readSection(), "SIGHUP");
    if (result !== "refused") source.keep();
    return result;
  };
  return { put, inForce, source, hangUp, nodes: () => inForce.trust.v1?.nodes.map(String) };
}

test("a section whose files trust refuses never comes into force by a change of a file, nor takes the watch off the old ones", async (t) => {
  const { put, inForce, source, hangUp, nodes } = await setup(t);
  await put("bridge.yaml", UNUSABLE);
  assert.equal(hangUp(), "refused");
  await put("bridge.yaml", OLD);
  await put("rogue.pem", vectorFile("keys/v1-ca.pem")); // now the list would be its own

  const result = inForce.reload(() => source.readFiles(), "a trust file changed");

  assert.equal(result, "unchanged");
  assert.deepEqual(nodes(), ["/^node1$/"]);
  assert.deepEqual(
    source.paths.map((path) => basename(path)),
    ["ca.pem"],
  );
});

test("a section that is taken brings its own files", async (t) => {
  const { put, source, hangUp, nodes } = await setup(t);
  await put("bridge.yaml", configured('{ ca: rogue.pem, nodes: [".*"] }'));

  assert.equal(hangUp(), "changed");

  assert.deepEqual(nodes(), ["/.*/"]);
  assert.deepEqual(
    source.paths.map((path) => basename(path)),
    ["rogue.pem"],
  );
});
