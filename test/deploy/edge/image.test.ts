// There is no Docker where this project is made: its lines are carried out in a folder instead, and what comes out is run.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { pythonTool } from "../../../scripts/python-tools.ts";
import { makeConfigValue, parseValue } from "../../support/config.ts";
import { writeYaml } from "../../support/folder.ts";
import { startNats } from "../../support/nats.ts";
import { buildInFolder, commandOf, copiesOf, isIgnored, lastOf, parseDockerfile } from "./dockerfile.ts";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../../..", import.meta.url));
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const dockerignore = readFileSync(join(root, ".dockerignore"), "utf8");
const stages = parseDockerfile(readFileSync(join(root, "Dockerfile"), "utf8"));
const final = stages.at(-1) ?? assert.fail("no stage");

/** Built once for all tests. `npm ci` is the one line that is not run: what it made of the same lock file is there. */
const image = (async () => {
  const folder = await mkdtemp(join(tmpdir(), "choria-bridge-image-"));
  after(() => rm(folder, { recursive: true, force: true, maxRetries: 3 }));
  const instead = (command: string, workdir: string) =>
    command === "npm ci --ignore-scripts"
      ? run("cp", ["-R", join(root, "node_modules"), workdir]).then(() => {})
      : null;
  return buildInFolder(stages, { folder: root, dockerignore, instead }, folder);
})();
image.catch(() => {}); // each test that needs it fails by its own name

/** Runs the image's entry point in its folder, as a container would with these arguments. */
async function start(args: readonly string[], cwd = "etc/choria-bridge") {
  const [node = "", entry = ""] = commandOf(lastOf(final, "ENTRYPOINT"));
  assert.equal(node, "node");
  return spawn(process.execPath, [join(await image, entry), ...args], { cwd: join(await image, cwd) });
}

async function runInImage(args: readonly string[]): Promise<{ readonly code: number | null; readonly text: string }> {
  const child = await start(args);
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (part) => (text += part));
  return new Promise((resolve, reject) => {
    child.on("error", reject).on("close", (code) => resolve({ code, text }));
  });
}

/** Runs the health check with other ports in place of its own, so that it meets nobody else's processes. */
async function healthCheck(ports: readonly number[]): Promise<{ readonly ok: boolean; readonly stderr: string }> {
  const [node, option, script = ""] = commandOf(lastOf(final, "HEALTHCHECK"));
  assert.deepEqual([node, option], ["node", "--eval"]);
  const elsewhere = script.replace("[9222, 9223, 9224]", JSON.stringify(ports));
  assert.notEqual(elsewhere, script, "the list of ports is still found");
  return run(process.execPath, ["--eval", elsewhere]).then(
    ({ stderr }) => ({ ok: true, stderr }),
    ({ stderr }) => ({ ok: false, stderr }),
  );
}

test("everything the Dockerfile copies is there, and let through by .dockerignore", () => {
  const sources = stages
    .flatMap(copiesOf)
    .filter(({ from }) => from === null)
    .flatMap((copy) => copy.sources);

  assert.ok(sources.length > 5, sources.join());
  for (const source of sources) {
    assert.ok(existsSync(join(root, source)), `${source} is there`);
    assert.ok(!isIgnored(source, dockerignore), `${source} is let through`);
  }
});

test("no keys, configuration, tests or builds of a checkout get into the build context", () => {
  const outside = [
    ".git/config",
    ".cache/demo/fleet/issuer.seed",
    "bridge.yaml",
    "secrets/nats-password",
    "tls/bridge.key",
    "node_modules/zod/package.json",
    "dist/functions/cli/main.js",
    "test/support/nats.ts",
    "scripts/test.mjs",
  ];

  assert.deepEqual(
    outside.filter((path) => !isIgnored(path, dockerignore)),
    [],
  );
});

test("both stages stand on one Node, pinned to the patch, that the package allows", () => {
  const [first = "", ...others] = stages.map((stage) => stage.image);

  assert.deepEqual(
    others.filter((image) => image !== first),
    [],
  );
  const [, major = "", minor = ""] = /^node:(\d+)\.(\d+)\.\d+-\w+-slim$/.exec(first) ?? [];
  assert.equal(manifest.engines.node, ">=20.19");
  assert.ok(Number(major) > 20 || (Number(major) === 20 && Number(minor) >= 19), first);
});

test("it runs as a user that is a number and not root", () => {
  assert.match(lastOf(final, "USER"), /^[1-9]\d*:[1-9]\d*$/);
});

test("hadolint finds nothing to say about it", async () => {
  const hadolint = await pythonTool("hadolint");
  assert.ok(hadolint.ok, hadolint.ok ? "" : hadolint.reason);

  const { stdout } = await run(hadolint.path, ["--no-color", join(root, "Dockerfile")]).catch((error) => error);

  assert.equal(stdout, "");
});

test("one image runs every command, and lists them by default", async () => {
  const { code, text } = await runInImage(commandOf(lastOf(final, "CMD")));

  assert.equal(code, 0, text);
  for (const command of ["bridge", "worker", "dispatch"]) assert.match(text, new RegExp(`^  ${command} `, "m"));
});

test("it holds what production needs and nothing of development", async () => {
  const modules = join(await image, "node_modules");

  const { dependencies, devDependencies } = manifest;
  assert.deepEqual(
    Object.keys(dependencies).filter((name) => !existsSync(join(modules, name))),
    [],
  );
  assert.deepEqual(
    Object.keys(devDependencies).filter((name) => existsSync(join(modules, name))),
    [],
  );
});

test("a handler that is mounted beside the configuration finds what it imports", async (t) => {
  const nats = await startNats(t);
  const folder = join(await image, "etc/choria-bridge");
  await mkdir(join(folder, "handlers"), { recursive: true });
  await writeFile(join(folder, "handlers", "seen.mjs"), HANDLER);
  const config = makeConfigValue({
    connections: { main: { servers: [nats.url] } },
    trust: { v2: { issuers: { choria: "ab".repeat(32) } } },
    jobs: { seen: { stream: "inventory", handler: "handlers/seen.mjs#seen" } },
    sinks: {},
  });
  await writeYaml(folder, config, "handler.yaml");
  const jetstream = (await nats.connect()).jetstream();
  assert.equal((await runInImage(["streams", "apply", "--config", "handler.yaml"])).code, 0);
  await jetstream.publish("choria.reg.n1", JSON.stringify({ host: "n1" }));

  const { code, text } = await runInImage(["drain", "--config", "handler.yaml"]);

  assert.equal(code, 0, text);
  assert.match(text, /"host":"n1".*"msg":"seen"/);
});

const HANDLER = `
import { defineHandler } from "choria-bridge/handler";
import * as z from "zod";

export const seen = defineHandler({
  name: "seen",
  input: z.object({ host: z.string() }),
  run: async ({ data }, context) => context.log.info({ host: data.host }, "seen"),
});
`;

test("its health check asks the ports that bridge, worker and dispatcher have by default", () => {
  const { bridge, worker, dispatcher } = parseValue(makeConfigValue());

  const ports = [bridge.http.port, worker.http.port, dispatcher.http.port];

  assert.ok(lastOf(final, "HEALTHCHECK").includes(`[${ports.join(", ")}]`), ports.join());
});

test("its health check passes beside a bridge that runs, and fails where none does or one is not well", async (t) => {
  const nats = await startNats(t);
  const folder = join(await image, "etc/choria-bridge");
  const bridge = { http: { port: 0 } };
  const trust = { v2: { issuers: { choria: "ab".repeat(32) } } };
  await writeYaml(folder, makeConfigValue({ connections: { main: { servers: [nats.url] } }, trust, bridge }), "b.yaml");
  const child = await start(["bridge", "--config", "b.yaml"]);
  t.after(() => child.kill("SIGKILL"));
  const port = await telemetryPort(child.stderr);
  const unwell = createServer((_request, response) => response.writeHead(503).end());
  t.after(() => unwell.close());
  await new Promise<void>((resolve) => unwell.listen(0, "127.0.0.1", resolve));
  const sick = (unwell.address() as AddressInfo).port;

  assert.deepEqual(await healthCheck([1, port, 1]), { ok: true, stderr: "" });

  const failed = await healthCheck([1, 1, sick]);
  assert.equal(failed.ok, false);
  assert.match(failed.stderr, new RegExp(`port ${sick} is not well`));
});

/** The port that the bridge names once it receives; reads on to the end, so that it can always write. */
function telemetryPort(log: NodeJS.ReadableStream): Promise<number> {
  let text = "";
  return new Promise((resolve, reject) => {
    log.on("data", (part) => {
      text += String(part);
      const found = /"telemetry":"http:\/\/127\.0\.0\.1:(\d+)".*the bridge is receiving/.exec(text);
      if (found !== null) resolve(Number(found[1]));
    });
    log.on("end", () => reject(new Error(`the bridge ended:\n${text}`)));
  });
}
