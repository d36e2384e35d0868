import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { COMMANDS } from "../../../functions/cli/commands.ts";
import { EXIT } from "../../../functions/cli/exit.ts";
import { parseConfig } from "../../../shared/config/load.ts";
import { makeFolder } from "../../support/folder.ts";
import { exampleFolder, readUnit, settingOf, UNIT_NAMES, type Unit } from "./units.ts";

const run = promisify(execFile);
const units = UNIT_NAMES.map(readUnit);
const yaml = readFileSync(join(exampleFolder, "bridge.yaml"), "utf8");
const config = parseConfig(yaml, "bridge.yaml", {});

const ANALYZE = "systemd-analyze";
/** Which systemd is here; 0 where there is none. */
const systemd = Number(/^systemd (\d+)/.exec(spawnSync(ANALYZE, ["--version"]).stdout?.toString() ?? "")?.[1]);
/** `systemd-analyze security` can judge a file that is not installed since this version. */
const RATES_FILES = 250;

/** The units in a folder, started by this machine's node: systemd looks whether the program is there. */
async function unitsHere(t: TestContext, change: (text: string) => string = (text) => text) {
  const folder = await makeFolder(t);
  const files = units.map(({ name, text }) => ({
    file: join(folder, name),
    text: change(text).replace("/usr/bin/node", process.execPath),
  }));
  await Promise.all(files.map(({ file, text }) => writeFile(file, text)));
  return files.map(({ file }) => file);
}

/** What systemd says about our own units; it may have to say something about the machine's, too. */
async function complaints(files: readonly string[]): Promise<readonly string[]> {
  const { stdout, stderr } = await run(ANALYZE, ["--man=no", "verify", ...files]).catch((error) => error);
  return `${stdout}${stderr}`.split("\n").filter((line) => line.includes("choria-"));
}

if (systemd > 0) {
  test("systemd-analyze verify has nothing to say about the units, and something about a mistake", async (t) => {
    assert.deepEqual(await complaints(await unitsHere(t)), []);

    const wrong = await unitsHere(t, (text) => text.replace("ProtectSystem", "ProtectSytem"));
    assert.equal((await complaints(wrong)).length, UNIT_NAMES.length);
  });
} else {
  test("there is no systemd here to ask: the units have the sections it knows, each with the keys that belong there", () => {
    const sections = units.map(({ values }) => [...new Set([...values.keys()].map((key) => key.split(".")[0]))]);

    assert.deepEqual(
      sections,
      units.map(() => ["Unit", "Service", "Install"]),
    );
    const misplaced = units.flatMap(({ values }) => [...values.keys()].filter((key) => !isAtHome(key)));
    assert.deepEqual(misplaced, []);
  });
}

if (systemd >= RATES_FILES) {
  test("systemd-analyze security rates the exposure of each unit at 2 of 10 or less", async (t) => {
    for (const file of await unitsHere(t)) {
      await run(ANALYZE, ["security", "--offline=true", "--no-pager", "--threshold=20", file]);
    }
  });
} else {
  test("there is no systemd here that rates units: they take away what it counts most", () => {
    for (const unit of units) {
      assert.equal(settingOf(unit, "Service.CapabilityBoundingSet"), "");
      assert.equal(settingOf(unit, "Service.SystemCallErrorNumber"), "EPERM");
      assert.deepEqual(unit.values.get("Service.SystemCallFilter"), ["@system-service", "~@privileged @resources"]);
    }
  });
}

function isAtHome(key: string): boolean {
  const [section = "", name = ""] = key.split(".");
  if (section === "Unit") return /^(?:Description|Documentation|Wants|After|StartLimitIntervalSec)$/.test(name);
  if (section === "Install") return name === "WantedBy";
  return /^(?:Type|Exec|Timeout|Restart|Restrict|Load|Environment|Dynamic|UMask|Cap|Ambient|No|Protect|Private|Lock|Sys)/.test(
    name,
  );
}

test("a unit runs a command of ours on the example's configuration, as nobody in particular", () => {
  const commands = units.map((unit) => / (\w+) --config \/etc\/choria-bridge\/bridge\.yaml$/.exec(start(unit))?.[1]);

  assert.deepEqual(commands, ["bridge", "worker", "dispatch"]);
  for (const command of commands)
    assert.ok(
      COMMANDS.some(({ name }) => name === command),
      command,
    );
  for (const unit of units) assert.equal(settingOf(unit, "Service.DynamicUser"), "yes");
});

test("it comes back whatever ended it, except for a mistake that a restart does not mend", () => {
  for (const unit of units) {
    assert.equal(settingOf(unit, "Service.Restart"), "always");
    assert.equal(settingOf(unit, "Unit.StartLimitIntervalSec"), "0");
    assert.equal(settingOf(unit, "Service.RestartPreventExitStatus"), String(EXIT.usage));
  }
});

test("systemd waits longer for an orderly end than the process takes for it", () => {
  const timeouts = [config.bridge, config.worker, config.dispatcher].map(({ shutdownTimeout }) => shutdownTimeout);

  units.forEach((unit, index) => {
    assert.ok(Number(settingOf(unit, "Service.TimeoutStopSec")) * 1_000 >= (timeouts[index] ?? 0) + 10_000, unit.name);
  });
});

test("all units are hardened alike", () => {
  const [first, ...others] = units.map(({ text }) => /# It writes nothing[\s\S]*?\n\n/.exec(text)?.[0]);

  assert.match(first ?? "", /ProtectSystem=strict\n[\s\S]*RestrictSUIDSGID=yes\n/);
  for (const other of others) assert.equal(other, first);
});

test("secrets of the configuration come from systemd, which is given the files beside it", () => {
  const passed = "/run/credentials/choria-bridge.service";
  const named = [config, parseConfig(yaml, "bridge.yaml", { CREDENTIALS_DIRECTORY: passed })].map(
    ({ connections }) => connections["nats"]?.passwordFile,
  );

  assert.deepEqual(named, ["secrets/nats-password", `${passed}/nats-password`]);
  for (const unit of units) {
    const credentials = unit.values.get("Service.LoadCredential") ?? [];
    assert.ok(credentials.includes("nats-password:/etc/choria-bridge/secrets/nats-password"), unit.name);
  }
});

test("a worker's instance is its port for health and metrics", () => {
  const worker = units[1] ?? assert.fail("no worker");
  const environment = worker.values.get("Service.Environment") ?? [];

  assert.ok(environment.includes("CHORIA_WORKER_PORT=%i"), environment.join());
  assert.equal(parseConfig(yaml, "bridge.yaml", { CHORIA_WORKER_PORT: "9233" }).worker.http.port, 9_233);
});

function start(unit: Unit): string {
  return settingOf(unit, "Service.ExecStart");
}
