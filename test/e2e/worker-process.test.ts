import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { headers as makeHeaders } from "nats";
import { runCli, startCli } from "../support/cli.ts";
import { eventually } from "../support/eventually.ts";
import { makeFolder, writeYaml } from "../support/folder.ts";
import { startNats } from "../support/nats.ts";

/** What a user writes: the package's entry point and zod, by paths because this folder has no node_modules. */
const HANDLERS = `
import { defineHandler, drop, retryAfter } from ${JSON.stringify(import.meta.resolve("choria-bridge/handler"))};
import * as z from ${JSON.stringify(import.meta.resolve("zod"))};

export const facts = defineHandler({
  name: "facts",
  input: z.object({ content: z.object({ os: z.string() }) }),
  async run(message, ctx) {
    const { os } = message.data.content;
    if (os === "flaky" && ctx.attempt < 3) return retryAfter(50);
    if (os === "unwanted") return drop("UNWANTED");
    await ctx.publish("out", { body: JSON.stringify({ os, attempt: ctx.attempt }) });
  },
});

/** Forgets to wait for what fails. */
export const careless = defineHandler({
  name: "careless",
  input: "bytes",
  async run() {
    void Promise.reject(new Error("nobody waited for this"));
    await new Promise((resolve) => setTimeout(resolve, 600_000));
  },
});

/** Ignores its signal and keeps the event loop busy, as a hung request does. */
export const endless = defineHandler({
  name: "endless",
  input: "bytes",
  run: () => new Promise((resolve) => setTimeout(resolve, 600_000)),
});
`;

async function setup(t: TestContext, handler: string) {
  const [nats, folder] = await Promise.all([startNats(t), makeFolder(t)]);
  await writeFile(join(folder, "handlers.mjs"), HANDLERS);
  const config = {
    connections: { main: { servers: [nats.url] } },
    trust: { v2: { trustedSigners: ["ab".repeat(32)] } },
    streams: {
      WORK: { connection: "main", subject: "work.{sender}" },
      OUT: { connection: "main", subject: "out.{sender}", retention: "limits" },
    },
    sinks: { out: { type: "jetstream", to: "OUT" } },
    jobs: { facts: { stream: "WORK", handler } },
    worker: { http: { port: 0 }, shutdownTimeout: "2s" },
  };
  const file = await writeYaml(folder, config);
  assert.equal((await runCli(["streams", "apply", "--config", file])).code, 0);
  const [client, jsm] = await Promise.all([nats.connect(), nats.jsm()]);
  const put = async (body: string) => {
    const headers = makeHeaders();
    headers.set("Choria-Sender", "n1.example.net");
    headers.set("Choria-Sender-Proof", "signature");
    await client.jetstream().publish("work.n1.example.net", body, { headers });
  };
  const messages = async (stream: string) => (await jsm.streams.info(stream)).state.messages;
  return { file, folder, config, jsm, put, messages };
}

const facts = (os: unknown) => JSON.stringify({ content: { os } });

test("a handler of one's own publishes, is run again when it asks, and invalid input is kept with what is wrong", async (t) => {
  const { file, jsm, put, messages } = await setup(t, "handlers.mjs#facts");
  const worker = startCli(["worker", "--config", file]);
  t.after(() => worker.child.kill("SIGKILL"));

  for (const body of [facts("linux"), facts("flaky"), facts("unwanted"), facts(7)]) await put(body);
  await eventually(async () => assert.equal(await messages("WORK"), 0), { timeoutMs: 60_000 });
  worker.child.kill("SIGTERM");
  const { code, stderr } = await worker.ended;

  assert.equal(code, 0, stderr);
  const outputs = await Promise.all([1, 2].map(async (seq) => (await jsm.streams.getMessage("OUT", { seq })).string()));
  assert.deepEqual(outputs.sort(), ['{"os":"flaky","attempt":3}', '{"os":"linux","attempt":1}']);
  assert.deepEqual([await messages("OUT"), await messages("CHORIA_DEAD")], [2, 1]);
  const dead = await jsm.streams.getMessage("CHORIA_DEAD", { seq: 1 });
  assert.equal(dead.string(), facts(7));
  assert.equal(dead.header.get("Dead-Reason"), "INVALID_INPUT");
  assert.match(dead.header.get("Dead-Error"), /^content\.os: .*expected string/);
});

test("drain processes what is there, reports it as JSON and exits", async (t) => {
  const { file, put } = await setup(t, "handlers.mjs#facts");
  for (const body of [facts("linux"), facts("unwanted"), "not json"]) await put(body);

  const first = await runCli(["drain", "--config", file, "--json"]);
  const second = await runCli(["drain", "--config", file]);

  assert.deepEqual([first.code, second.code], [0, 0], first.stderr + second.stderr);
  assert.deepEqual(JSON.parse(first.stdout), {
    ...{ processed: 1, retried: 0, dead: 1, dropped: 1, returned: 0, unsettled: 0 },
    ...{ left: 0, reason: "empty" },
  });
  assert.match(second.stdout, /^0 processed, .*; 0 left; ended because: empty\n$/);
});

test("a worker told to stop gives back what it cannot finish, and exits with 0", async (t) => {
  const { file, folder, config, jsm, put } = await setup(t, "handlers.mjs#endless");
  const worker = startCli(["worker", "--config", file]);
  t.after(() => worker.child.kill("SIGKILL"));
  const pending = async () => (await jsm.consumers.info("WORK", "facts")).num_ack_pending;
  for (const body of ["a", "b", "c"]) await put(body);
  await eventually(async () => assert.equal(await pending(), 3), { timeoutMs: 60_000 });

  worker.child.kill("SIGTERM");
  const { code, stderr } = await worker.ended;

  assert.equal(code, 0, stderr);
  assert.match(stderr, /"returned":3/);
  // Given back, not left to a lease of a minute: whoever comes next has them at once.
  const jobs = { facts: { stream: "WORK", handler: "handlers.mjs#facts" } };
  const next = await runCli(["drain", "--json", "--config", await writeYaml(folder, { ...config, jobs })]);
  assert.equal(JSON.parse(next.stdout).dead, 3);
});

test("a handler that cannot be used is named with its file, and the worker does not start", async (t) => {
  const { folder, config } = await setup(t, "handlers.mjs#facts");
  await writeFile(join(folder, "broken.mjs"), "export const facts = {;");
  const run = async (handler: string) => {
    const jobs = { facts: { stream: "WORK", handler } };
    return runCli(["worker", "--config", await writeYaml(folder, { ...config, jobs }, `${handler.length}.yaml`)]);
  };
  const cases: readonly (readonly [handler: string, says: RegExp])[] = [
    ["missing.mjs#facts", /missing\.mjs/],
    ["broken.mjs#facts", /broken\.mjs/],
    ["handlers.mjs#nothing", /its export "nothing" does not exist/],
  ];

  for (const [handler, says] of cases) {
    const { code, stderr } = await run(handler);
    assert.equal(code, 2, stderr);
    assert.match(stderr, /\d+\.yaml.* jobs\.facts\.handler: /);
    assert.match(stderr, says);
  }
});

test("a handler that lets a rejected promise go ends its worker in good order: nothing is lost or spent", async (t) => {
  const { file, put, messages, jsm } = await setup(t, "handlers.mjs#careless");
  const worker = startCli(["worker", "--config", file]);
  t.after(() => worker.child.kill("SIGKILL"));

  await put("x");
  const { code, stderr } = await worker.ended;

  assert.equal(code, 1, stderr);
  assert.match(stderr, /UNHANDLED_REJECTION.*a handler let a rejected promise go/);
  assert.equal(await messages("WORK"), 1);
  await eventually(async () => assert.equal((await jsm.consumers.info("WORK", "facts")).num_ack_pending, 1));
  assert.equal((await jsm.streams.info("KV_CHORIA_RUNS")).state.messages, 0);
});
