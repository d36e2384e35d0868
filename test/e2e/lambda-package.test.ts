import assert from "node:assert/strict";
import { type ChildProcess, execFile, fork } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { headers as makeHeaders } from "nats";
import { eventually } from "../support/eventually.ts";
import { startNats } from "../support/nats.ts";
import { readZip } from "../support/zip.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const run = promisify(execFile);

/** Packages the function as a deployment does, without any credentials, and unpacks the zip as the platform does. */
async function packageFunction(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), "choria-bridge-lambda-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const { PATH = "", HOME = "" } = process.env;
  const serverless = join(root, "node_modules", ".bin", "serverless");
  await run(serverless, ["package", "--package", join(folder, "package")], { cwd: root, env: { PATH, HOME } });
  const files = readZip(await readFile(join(folder, "package", "choria-bridge.zip")));
  for (const [name, content] of files) {
    const path = join(folder, "task", name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
  }
  const template: unknown = JSON.parse(
    await readFile(join(folder, "package", "cloudformation-template-update-stack.json"), "utf8"),
  );
  return { files, template, bundle: join(folder, "task", ".build/lambda/consumer.mjs") };
}

async function startRuntime(t: TestContext, bundle: string, url: string): Promise<ChildProcess> {
  const runtime = join(root, "test/support/lambda-runtime.mjs");
  const child = fork(runtime, [bundle], {
    env: { NATS_URL: url },
    execArgv: [],
    stdio: ["ignore", "inherit", "ignore", "ipc"],
  });
  t.after(() => child.kill("SIGKILL"));
  await once(child, "message");
  return child;
}

async function invoke(runtime: ChildProcess, timeLeftMs = 10_000): Promise<Record<string, unknown>> {
  runtime.send({ timeLeftMs });
  const [answer] = await once(runtime, "message");
  assert.equal(answer.error, undefined);
  return answer.report;
}

test("the packaged function drains real queues, stays warm, and survives a server restart between invocations", async (t) => {
  const nats = await startNats(t);
  const { files, template, bundle } = await packageFunction(t);

  assert.deepEqual([...files.keys()].sort(), [
    ".build/lambda/config.json",
    ".build/lambda/consumer.mjs",
    ".build/lambda/consumer.mjs.map",
  ]);
  const text = JSON.stringify(template);
  assert.match(text, /"Handler":"\.build\/lambda\/consumer\.handler"/);
  assert.match(text, /"Runtime":"nodejs24\.x"/);
  assert.match(text, /"Architectures":\["arm64"\]/);
  assert.match(text, /"ReservedConcurrentExecutions":2/);

  const runtime = await startRuntime(t, bundle, nats.url);
  const empty = await invoke(runtime);
  assert.deepEqual([empty["processed"], empty["left"], empty["reason"]], [0, 0, "empty"]);

  const connection = await nats.connect();
  const jsm = await connection.jetstreamManager();
  const put = (subject: string, body: string, id: string) => {
    const headers = makeHeaders();
    headers.set("Choria-Sender", "n1.example.net");
    headers.set("Nats-Msg-Id", id);
    return connection.jetstream().publish(subject, body, { headers });
  };
  await put("choria.inventory.n1", "report", "1");
  await put("choria.facts.n1", '{"content":{"facts":{"os":"linux"}}}', "2");
  await put("choria.facts.n1", '{"content":{"facts":{}}}', "3");
  await put("choria.facts.n1", "not json", "4");

  const report = await invoke(runtime);

  assert.deepEqual(report, {
    processed: 2,
    retried: 0,
    dead: 1,
    dropped: 1,
    returned: 0,
    unsettled: 0,
    left: 0,
    reason: "empty",
  });
  const bodies = [1, 2].map(async (seq) => (await jsm.streams.getMessage("nodes", { seq })).string());
  assert.deepEqual((await Promise.all(bodies)).sort(), ["report", '{"os":"linux"}'].sort());

  await nats.server.kill("SIGKILL");
  await nats.server.restart();
  await eventually(() => put("choria.inventory.n1", "after", "5"), { timeoutMs: 40_000 });
  assert.equal((await invoke(runtime))["processed"], 1);
});
