import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../..", import.meta.url));

test("npx choria-bridge --help works in a checkout", async (t) => {
  // A cache of its own: npm keeps what npx installs in one folder of the user, where several at a time are in each other's way.
  const env = { ...process.env, npm_config_cache: await makeFolder(t) };
  const { stdout } = await run("npx", ["choria-bridge", "--help"], { cwd: root, env });

  assert.match(stdout, /^Usage: choria-bridge/);
  assert.match(stdout, /Exit codes:/);
});

test("the packed tarball, installed in an empty folder, has the command, and entries that work", async (t) => {
  const folder = await makeFolder(t);
  await lockTo(folder, await pack(folder));

  await run("npm", ["ci", "--prefer-offline", "--no-audit", "--no-fund"], { cwd: folder });

  const { stdout } = await run("npx", ["--no-install", "choria-bridge", "--help"], { cwd: folder });
  assert.match(stdout, /^Usage: choria-bridge/);
  const used = await run(process.execPath, ["--input-type=module", "--eval", ENTRIES], { cwd: folder });
  assert.equal(used.stdout, "done stored N1 dead letter function\n");
});

/** The package as its users import it: a handler, run without a server, in a harness and by a producer. */
const ENTRIES = `
import { dead, defineHandler } from "choria-bridge/handler";
import { openProducer } from "choria-bridge/producer";
import { runOne, startHarness } from "choria-bridge/testing";

const upper = defineHandler({
  name: "upper",
  input: "bytes",
  run: async (message, context) => {
    const text = Buffer.from(message.data).toString();
    if (text === "") return dead("EMPTY");
    await context.publish("out", { body: text.toUpperCase() });
  },
});
const one = await runOne(upper, "n1");
const harness = await startHarness({ handlers: { upper }, env: process.env });
try {
  const producer = await openProducer({ config: harness.config, job: "upper" });
  const { id } = await producer.enqueue(upper, "n1");
  await harness.waitFor({ id, outcome: "done" }, { timeoutMs: 60_000 });
  const [output] = await harness.outputs();
  await harness.put("upper", "", { id: "empty" });
  await harness.waitFor({ id: "empty", outcome: "dead" }, { timeoutMs: 60_000 });
  const letters = await harness.deadLetters();
  await producer.close();
  const told = letters.length === 1 ? "dead letter" : "none";
  console.log(one.decision.type, "stored", output.text, told, typeof openProducer);
} finally {
  await harness.stop();
}
`;

test("the tarball holds what runs and its documentation, no tests and no sources", async (t) => {
  const { stdout } = await run("npm", ["pack", "--ignore-scripts", "--dry-run", "--json"], { cwd: root });

  const [{ files }] = JSON.parse(stdout);

  const names: string[] = files.map((file: { path: string }) => file.path);
  assert.deepEqual(
    names.filter((name) => /^(test(?!\/fixtures\/captures\/)|scripts|bench|shared|functions)\//.test(name)),
    [],
  );
  for (const needed of ["bin/choria-bridge.js", "dist/functions/cli/main.js", "dist/THIRD-PARTY-LICENSES", "LICENSE"]) {
    assert.ok(names.includes(needed), needed);
  }
  t.diagnostic(`${names.length} files`);
});

async function makeFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "choria-bridge-package-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Asks for the tarball with the dependencies of our own lock file: they are in npm's cache, so no registry is needed. */
async function lockTo(folder: string, tarball: string): Promise<void> {
  const lock = JSON.parse(await readFile(join(root, "package-lock.json"), "utf8"));
  const { "": ours, ...others } = lock.packages;
  const needed = Object.entries<{ dev?: boolean }>(others).filter(([, { dev }]) => dev !== true);
  const resolved = `file:${basename(tarball)}`;
  const wanted = { name: "empty", version: "1.0.0", dependencies: { "choria-bridge": resolved } };
  const { version, dependencies, bin, engines } = ours;
  const packages = {
    "": wanted,
    "node_modules/choria-bridge": { version, dependencies, bin, engines, resolved },
    ...Object.fromEntries(needed),
  };
  await writeFile(join(folder, "package.json"), JSON.stringify(wanted));
  await writeFile(join(folder, "package-lock.json"), JSON.stringify({ ...wanted, lockfileVersion: 3, packages }));
}

/** Without its scripts: they would rebuild dist/ under the tests that run beside this one. */
async function pack(folder: string): Promise<string> {
  const { stdout } = await run("npm", ["pack", "--ignore-scripts", "--json", "--pack-destination", folder], {
    cwd: root,
  });
  const [{ filename }] = JSON.parse(stdout);
  return join(folder, filename);
}
