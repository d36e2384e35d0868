import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, readdir, rm, symlink, utimes } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { pythonEnvironment } from "../../../scripts/python-tools.ts";
import { makeFolder } from "../../support/folder.ts";

const run = promisify(execFile);
const script = fileURLToPath(new URL("../../../scripts/python-tools.ts", import.meta.url));

/** A small package with a program and no dependencies. */
const SMALL = { name: "jmespath-1.1.0", packages: ["jmespath==1.1.0"] };

async function environment(cache: string, wanted = SMALL) {
  const said: string[] = [];
  const folder = await pythonEnvironment(wanted, cache, (line) => said.push(line));
  return { folder, said: said.join("\n") };
}

async function runs(folder: string): Promise<string> {
  const { stdout } = await run(join(folder, "bin", "jp.py"), ["--help"]);
  return stdout;
}

test("two processes that want the same environment at once get one that runs, and leave nothing else behind", async (t) => {
  const cache = await makeFolder(t);
  const source = `
    import { pythonEnvironment } from ${JSON.stringify(script)};
    console.log(await pythonEnvironment(${JSON.stringify(SMALL)}, ${JSON.stringify(cache)}, () => {}));`;
  const another = () => run(process.execPath, ["--import", "tsx", "--input-type=module", "--eval", source]);

  const folders = (await Promise.all([another(), another()])).map(({ stdout }) => stdout.trim());

  assert.deepEqual(folders, [join(cache, SMALL.name), join(cache, SMALL.name)]);
  assert.match(await runs(join(cache, SMALL.name)), /usage: jp\.py/);
  assert.equal((await readdir(cache)).length, 2, "the link and what it leads to");
});

test("an environment that is there is taken as it is; one whose Python is gone is made anew", async (t) => {
  const cache = await makeFolder(t);
  const { folder } = await environment(cache);

  assert.equal((await environment(cache)).said, "");

  await rm(join(folder, "bin", "python"));
  await symlink("/nowhere/python3", join(folder, "bin", "python"));
  assert.match((await environment(cache)).said, /has lost its Python/);
  assert.match(await runs(folder), /usage: jp\.py/);
  assert.equal((await readdir(cache)).length, 2, "the old one is removed");
});

test("what a process left half made long ago is removed; what one makes at this moment is left alone", async (t) => {
  const cache = await makeFolder(t);
  const [abandoned, underWay] = [join(cache, `${SMALL.name}.old`), join(cache, `${SMALL.name}.new`)];
  await Promise.all([mkdir(abandoned), mkdir(underWay)]);
  await utimes(abandoned, 1, 1);

  await environment(cache);

  const left = await readdir(cache);
  assert.deepEqual([left.includes(`${SMALL.name}.old`), left.includes(`${SMALL.name}.new`)], [false, true]);
});

test("a package that cannot be had is a reason in words, and leaves nothing behind", async (t) => {
  const cache = await makeFolder(t);
  const nowhere = { name: "nowhere", packages: [join(cache, "there-is-no-such-package.whl")] };

  await assert.rejects(environment(cache, nowhere), /there-is-no-such-package\.whl cannot be installed: python3: /);

  assert.deepEqual(await readdir(cache), []);
});

test("a name that is no tool is refused with those that are", async () => {
  await assert.rejects(run(process.execPath, ["--import", "tsx", script, "moto_sever"]), (error: object) => {
    assert.match(String(Object.entries(error)), /no such tool: moto_sever \(there are: .*moto_server/);
    return true;
  });
});
