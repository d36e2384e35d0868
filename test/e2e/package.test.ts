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

test("npx choria-bridge --help works in a checkout", async () => {
  const { stdout } = await run("npx", ["choria-bridge", "--help"], { cwd: root });

  assert.match(stdout, /^Usage: choria-bridge/);
  assert.match(stdout, /Exit codes:/);
});

test("the packed tarball, installed in an empty folder, has the command and the handler entry", async (t) => {
  const folder = await makeFolder(t);
  await lockTo(folder, await pack(folder));

  await run("npm", ["ci", "--prefer-offline", "--no-audit", "--no-fund"], { cwd: folder });

  const { stdout } = await run("npx", ["--no-install", "choria-bridge", "--help"], { cwd: folder });
  assert.match(stdout, /^Usage: choria-bridge/);
  const script = 'import { defineHandler } from "choria-bridge/handler"; console.log(typeof defineHandler)';
  const handler = await run(process.execPath, ["--input-type=module", "--eval", script], { cwd: folder });
  assert.equal(handler.stdout, "function\n");
});

test("the tarball holds what runs and its documentation, no tests and no sources", async (t) => {
  const { stdout } = await run("npm", ["pack", "--ignore-scripts", "--dry-run", "--json"], { cwd: root });

  const [{ files }] = JSON.parse(stdout);

  const names: string[] = files.map((file: { path: string }) => file.path);
  assert.deepEqual(
    names.filter((name) => /^(test(?!\/fixtures\/captures\/)|scripts|bench|shared|functions)\//.test(name)),
    [],
  );
  for (const needed of ["bin/choria-bridge.js", "dist/functions/cli/main.js", "LICENSE", "CHANGELOG.md"]) {
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
