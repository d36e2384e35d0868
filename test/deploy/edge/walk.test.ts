import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { openPki } from "../../../functions/simulate/pki.ts";
import { runCli } from "../../support/cli.ts";
import { eventually } from "../../support/eventually.ts";
import { makeFolder } from "../../support/folder.ts";
import { startNats } from "../../support/nats.ts";
import { exampleFolder, readUnit, settingOf } from "./units.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));
/** Begins as a number does, which nats-server would make of it outside of quotes. */
const PASSWORD = "0123e4567890abcdef";

/** The machine of docs/deploy.md's second walk in a folder: /etc/choria-bridge, nats-server, and the fleet's keys. */
async function setup(t: TestContext) {
  const etc = await makeFolder(t);
  const fleet = join(etc, "fleet");
  const [nats] = await Promise.all([startWithExample(t), prepare(etc, fleet)]);
  const env = { CREDENTIALS_DIRECTORY: join(etc, "secrets"), CHORIA_WORKER_PORT: "0", NATS_URL: nats.url };
  const start = (name: string) => startUnit(t, name, etc, env);
  const reader = await nats.connect({ user: "bridge", pass: PASSWORD });
  return { etc, fleet, nats, env, start, streams: (await reader.jetstreamManager()).streams };
}

async function prepare(etc: string, fleet: string): Promise<void> {
  await openPki({ folder: fleet, collective: "mcollective", now: new Date() });
  await Promise.all([mkdir(join(etc, "trust")), mkdir(join(etc, "secrets"))]);
  await cp(join(fleet, "v1-ca.pem"), join(etc, "trust", "ca.pem"));
  await writeFile(join(etc, "secrets", "nats-password"), `${PASSWORD}\n`, { mode: 0o600 });
  const yaml = await readFile(join(exampleFolder, "bridge.yaml"), "utf8");
  // Its own port would meet other tests'.
  await writeFile(join(etc, "bridge.yaml"), `${yaml}\nbridge: { http: { port: 0 } }\n`);
}

/** The example's own accounts; addresses and store are the test's. */
async function startWithExample(t: TestContext) {
  const text = await readFile(join(exampleFolder, "nats-server.conf"), "utf8");
  const config = text
    .replace(/^(?:listen|http): .*\n/gm, "")
    .replace(/^jetstream \{[^}]*\}\n/m, "")
    .replace("BRIDGE_PASSWORD", PASSWORD);
  return startNats(t, { config });
}

interface Started {
  readonly child: ChildProcess;
  stderr(): string;
}

/** Runs the unit's own ExecStart, with the folder in place of /etc/choria-bridge and the checkout in place of /opt's. */
function startUnit(t: TestContext, name: string, etc: string, env: Record<string, string>): Started {
  const command = settingOf(readUnit(name), "Service.ExecStart")
    .replace("/usr/bin/node", process.execPath)
    .replace("/opt/choria-bridge/node_modules/choria-bridge", root)
    .replace("/etc/choria-bridge", etc);
  const [program = "", ...args] = command.split(" ");
  // Another folder: nothing may depend on where it is started.
  const child = spawn(program, args, {
    cwd: "/",
    env: { ...process.env, ...env },
    stdio: ["ignore", "ignore", "pipe"],
  });
  t.after(() => child.kill("SIGKILL"));
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  return { child, stderr: () => stderr };
}

async function says({ stderr }: Started, pattern: RegExp): Promise<void> {
  await eventually(() => assert.match(stderr(), pattern), { timeoutMs: 60_000 });
}

async function ended({ child }: Started): Promise<number | null> {
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  const [code] = await exited;
  return code;
}

test("the units' own commands and the example's files take a simulated fleet's reports to the republished stream", async (t) => {
  const { etc, fleet, nats, env, start, streams } = await setup(t);
  const checked = await runCli(["config", "check", join(etc, "bridge.yaml")], env);
  assert.equal(checked.code, 0, checked.stderr);

  const bridge = start("choria-bridge.service");
  await says(bridge, /the bridge is receiving/);
  const worker = start("choria-worker@.service");
  await says(worker, /the worker is consuming/);
  const simulated = ["simulate", "--protocol", "v1", "--nodes", "20", "--interval", "1", "--bad", "0", "--for", "2s"];
  const { code, stdout } = await runCli([...simulated, "--json", "--data", fleet, "--servers", nats.url]);

  assert.equal(code, 0);
  const { sent } = JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
  assert.ok(sent > 0, stdout);
  await eventually(async () => assert.equal((await streams.info("NODES")).state.messages, sent));
  // What was republished is acknowledged a moment later.
  await eventually(async () => assert.equal((await streams.info("INVENTORY")).state.messages, 0));

  bridge.child.kill("SIGHUP"); // ExecReload
  await says(bridge, /trust was read again/);
  assert.deepEqual(await Promise.all([ended(bridge), ended(worker)]), [0, 0]);
});

test("whoever comes to the example's server without a name may publish as a node and nothing else", async (t) => {
  const { nats } = await setup(t);
  const node = await nats.connect();
  const refused: string[] = [];
  void (async () => {
    for await (const status of node.status()) refused.push(String(status.data));
  })();

  node.publish("mcollective.broadcast.agent.registration", "x");
  node.publish("choria.inventory.node1", "x");
  await node.flush();

  await eventually(() => assert.equal(refused.length, 1, refused.join()));
  assert.match(refused.join(), /PERMISSIONS_VIOLATION/);
});
