import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { parse } from "yaml";
import { runCli } from "../support/cli.ts";
import { makeFolder } from "../support/folder.ts";
import { makeTlsAuthority } from "../support/tls.ts";

/** The broker.conf of a real test network, with the files that it names. */
async function setup(t: TestContext, mode: "v1" | "v2") {
  const folder = await makeFolder(t);
  const authority = await makeTlsAuthority();
  const { cert, key } = await authority.issue("localhost");
  await mkdir(join(folder, "ca"));
  await writeFile(join(folder, "ca/ca.pem"), authority.ca);
  await writeFile(join(folder, "ca/localhost.pem"), cert);
  await writeFile(join(folder, "ca/localhost.key"), key);
  const fixture = readFileSync(new URL(`../fixtures/broker-conf/${mode}.conf`, import.meta.url), "utf8");
  const file = join(folder, "broker.conf");
  await writeFile(file, fixture.replaceAll("/srv/fleet", folder));
  return { folder, file, out: join(folder, "bridge.yaml") };
}

for (const mode of ["v1", "v2"] as const) {
  test(`the broker.conf of a ${mode} network becomes a configuration that passes config check`, async (t) => {
    const { file, out } = await setup(t, mode);

    const imported = await runCli(["import-choria", file, "--out", out]);
    const checked = await runCli(["config", "check", out]);

    assert.equal(imported.code, 0, imported.stderr);
    assert.equal(imported.stdout, "");
    assert.deepEqual([checked.code, checked.stderr], [0, ""]);
    const { ingest, streams } = parse(readFileSync(out, "utf8"));
    assert.equal(ingest.inventory.subject, "mcollective.broadcast.agent.registration");
    assert.equal(streams.inventory.subject, "js.in.registration");
    assert.match(imported.stderr, /^choose {4}/m);
    assert.match(imported.stderr, /^left out {2}plugin\.choria\.network\.client_port: /m);
    assert.match(imported.stderr, /^unknown {3}plugin\.choria\.network\.stream\.executor_replicas /m);
  });
}

test("without --out the configuration is on standard output, and says at its head what standard error says", async (t) => {
  const { file } = await setup(t, "v1");

  const { code, stdout, stderr } = await runCli(["import-choria", file]);

  assert.equal(code, 0);
  const flat = stdout.replace(/\n# {3}/g, " ");
  for (const line of stderr.trim().split("\n")) assert.ok(flat.includes(line.slice(10)), line);
});

test("a file that is there is not overwritten, and one that is not is named with the fix: exit code 2", async (t) => {
  const { folder, file, out } = await setup(t, "v1");
  await writeFile(out, "edited: true\n");

  const occupied = await runCli(["import-choria", file, "--out", out]);
  const absent = await runCli(["import-choria", join(folder, "brokr.conf")]);

  assert.deepEqual([occupied.code, absent.code], [2, 2]);
  assert.match(occupied.stderr, /bridge\.yaml exists already; name another file with --out/);
  assert.equal(readFileSync(out, "utf8"), "edited: true\n");
  assert.match(absent.stderr, /brokr\.conf cannot be read \(ENOENT\); name a readable configuration file of go-choria/);
});

test("a broker.conf that contradicts itself is named line by line, and nothing is written: exit code 2", async (t) => {
  const { file, out } = await setup(t, "v2");
  const key = "cd".repeat(32);
  await writeFile(file, `${readFileSync(file, "utf8")}plugin.security.choria.trusted_signers = ${key}\n`);

  const { code, stderr } = await runCli(["import-choria", file, "--out", out]);

  assert.equal(code, 2);
  assert.match(
    stderr,
    /broker\.conf:\d+ plugin\.security\.choria\.trusted_signers: contradicts plugin\.security\.issuer/,
  );
  assert.equal(existsSync(out), false);
});

test("plugin.d beside broker.conf is read", async (t) => {
  const { folder, file } = await setup(t, "v1");
  await mkdir(join(folder, "plugin.d"));
  const topic = "adapter.inventory.stream.topic = elsewhere.%s\n";
  await writeFile(join(folder, "plugin.d/choria.cfg"), topic);
  await writeFile(join(folder, "plugin.d/other.conf"), "x = 1\n");

  const { code, stdout, stderr } = await runCli(["import-choria", file]);

  assert.equal(code, 0, stderr);
  assert.equal(parse(stdout).streams.inventory.subject, "elsewhere.%s");
  assert.match(stderr, /other\.conf does not count: in plugin\.d go-choria reads files that end in \.cfg/);
});
