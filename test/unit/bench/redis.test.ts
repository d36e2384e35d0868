import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { ensureRedis } from "../../../bench/redis/provision.ts";

test("a redis-server in PATH goes before one in the cache, which needs its own libraries", async (t) => {
  const folder = await setup(t);
  const unpacked = join(folder, "cache", "redis", "7.0.15", "usr");
  await makeProgram(join(unpacked, "bin"), "7.0.15");
  await mkdir(join(unpacked, "lib", "x86"), { recursive: true });
  await writeFile(join(unpacked, "lib", "x86", "libjemalloc.so.2"), "");

  const inCache = await ensureRedis({ PATH: "" }, join(folder, "cache"));
  await makeProgram(join(folder, "bin"), "7.2.0");
  const inPath = await ensureRedis({ PATH: `/nowhere:${join(folder, "bin")}` }, join(folder, "cache"));

  assert.equal(inCache.version, "7.0.15");
  assert.equal(inCache.libraries, join(unpacked, "lib", "x86"));
  assert.equal(inPath.version, "7.2.0");
  assert.equal(inPath.libraries, null);
});

test("where no Redis can be had one line says what was tried, and no partial download stays behind", async (t) => {
  const folder = await setup(t);
  await makeProgram(join(folder, "bin"), "none", "that is no Redis");
  const path = process.env.PATH;
  t.after(() => {
    process.env.PATH = path;
  });
  process.env.PATH = ""; // no apt-get

  const failure = await ensureRedis({ PATH: join(folder, "bin") }, join(folder, "cache")).catch((error) => error);

  assert.match(failure.message, /^no redis-server: none in PATH; none in the cache; .*apt-get/);
  assert.deepEqual(await readdir(join(folder, "cache", "redis")), []);
});

async function setup(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "choria-bridge-redis-test-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function makeProgram(folder: string, version: string, answer = `Redis server v=${version} sha=0`): Promise<void> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, "redis-server");
  await writeFile(path, `#!/bin/sh\necho '${answer}'\n`);
  await chmod(path, 0o755);
}
