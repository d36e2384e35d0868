import assert from "node:assert/strict";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { headers as makeHeaders } from "nats";
import { eventually } from "../support/eventually.ts";
import { makeFolder, writeYaml } from "../support/folder.ts";
import { type Deployment, drain, invoke, startFunctions } from "../support/functions.ts";
import type { LambdaEmulator } from "../support/lambda/emulator.ts";
import { provideNode } from "../support/lambda/node.ts";
import { startNats } from "../support/nats.ts";

const EXAMPLE = fileURLToPath(new URL("../../docs/lambda/consumer.yaml", import.meta.url));
const HANDLERS = fileURLToPath(new URL("../../docs/lambda/handlers.ts", import.meta.url));
const CACHE = fileURLToPath(new URL("../../.cache", import.meta.url));
/** One delivery that nobody settles within a second, and the message is nobody's any more. */
const SPENT_AT_ONCE = { maxDeliver: 1, ackWait: "1s" };
const DEPLOYMENT: Deployment = { timeoutMs: 30_000, memoryMb: 512 };

/** Two jobs, one of them in a function of its own. */
const configOf = (servers: readonly string[], changes: object) => ({
  connections: { jetstream: { servers } },
  trust: { v2: { trustedSigners: ["ab".repeat(32)] } },
  streams: {
    inventory: { connection: "jetstream", subject: "choria.inventory.{sender}", allowUnprovenSender: true },
    facts: { connection: "jetstream", subject: "choria.facts.{sender}", allowUnprovenSender: true },
    nodes: { connection: "jetstream", subject: "nodes.{sender}", retention: "limits", allowUnprovenSender: true },
  },
  jobs: {
    republish: { stream: "inventory", sink: "nodes", timeout: "10s", ...changes },
    facts: { stream: "facts", handler: `${HANDLERS}#facts`, timeout: "10s" },
  },
  sinks: { nodes: { type: "jetstream", to: "nodes" } },
  lambda: { functions: { facts: { jobs: ["facts"] } } },
});

interface Setup {
  readonly env?: Readonly<Record<string, string>>;
  readonly node?: string;
  /** Settings of the job `republish`. */
  readonly republish?: object;
}

async function setup(t: TestContext, { env = {}, node = process.execPath, republish = {} }: Setup = {}) {
  const nats = await startNats(t);
  const folder = await makeFolder(t);
  const config = await writeYaml(folder, configOf([nats.url], republish));
  const deploy = { consumer: DEPLOYMENT, facts: DEPLOYMENT, sweeper: DEPLOYMENT };
  const lambda = await startFunctions(t, { config, outdir: join(folder, "lambda"), deploy, env, node });
  const connection = await nats.connect();
  const put = async (subject: string, body: string, id: string): Promise<void> => {
    const headers = makeHeaders();
    headers.set("Choria-Sender", "n1.example.net");
    headers.set("Nats-Msg-Id", id);
    await connection.jetstream().publish(subject, body, { headers });
  };
  return { nats, lambda, put, jsm: await connection.jetstreamManager() };
}

/** The lines of metrics that a function has written, as CloudWatch reads them. */
function metricsIn(lambda: LambdaEmulator, name: string) {
  return lambda.logs(`test-${name}`).flatMap(({ line }) => (line.includes('"_aws"') ? [JSON.parse(line)] : []));
}

/** Of the runtime that functions are deployed on. */
async function runtimeNode(t: TestContext): Promise<string> {
  const node = await provideNode(24, CACHE, (line) => t.diagnostic(line));
  assert.ok(node.ok, node.ok ? "" : node.reason);
  return node.path;
}

test("packaged functions drain their own jobs, stay warm, and survive a server restart between invocations", async (t) => {
  const { nats, lambda, put, jsm } = await setup(t, { node: await runtimeNode(t) });
  assert.deepEqual([(await drain(lambda)).reason, (await drain(lambda, "facts")).left], ["empty", 0]);
  await put("choria.inventory.n1", "report", "1");
  await put("choria.facts.n1", '{"content":{"facts":{"os":"linux"}}}', "2");
  await put("choria.facts.n1", '{"content":{"facts":{}}}', "3");
  await put("choria.facts.n1", "not json", "4");

  const first = await drain(lambda);
  const second = await drain(lambda, "facts");

  const nothing = { retried: 0, dead: 0, dropped: 0, returned: 0, unsettled: 0, left: 0, reason: "empty" };
  assert.deepEqual(first, { ...nothing, processed: 1 });
  assert.deepEqual(second, { ...nothing, processed: 1, dead: 1, dropped: 1 });
  const bodies = [1, 2].map(async (seq) => (await jsm.streams.getMessage("nodes", { seq })).string());
  assert.deepEqual(await Promise.all(bodies), ["report", '{"os":"linux"}']);
  assert.deepEqual(
    lambda.invocations.map(({ cold }) => cold),
    [true, true, false, false],
  );

  await nats.server.kill("SIGKILL");
  await nats.server.restart();
  await eventually(() => put("choria.inventory.n1", "after", "5"), { timeoutMs: 40_000 });
  assert.equal((await drain(lambda)).processed, 1);
});

test("an event's documented fields are checked, and nothing else of it is looked at", async (t) => {
  const { lambda, put } = await setup(t);
  await drain(lambda); // makes the streams
  await put("choria.inventory.n1", "report", "1");

  for (const [event, told] of [
    [{ job: "facts" }, /function "consumer" runs no job "facts", only republish/],
    [{ job: 7 }, /job: /],
    [{ budgetMs: "soon" }, /budgetMs: /],
  ] as const) {
    const { error, payload } = await invoke(lambda, "consumer", event);
    assert.equal(error, "Unhandled");
    assert.ok(payload instanceof Object && "errorMessage" in payload && "errorType" in payload);
    assert.equal(payload.errorType, "InvocationEventError");
    assert.match(String(payload.errorMessage), told);
  }
  for (const event of [null, [1, 2], "text", { source: "aws.events", "detail-type": "Scheduled Event", jobs: 7 }]) {
    await invoke(lambda, "consumer", event);
  }

  assert.equal((await drain(lambda)).processed, 0, "an event with other fields had drained it");
  assert.equal(lambda.invocations.filter(({ outcome }) => outcome === "ok").length, 6);
});

test("a drain keeps to the budget of its event", async (t) => {
  const { lambda, put } = await setup(t);
  await drain(lambda);
  await put("choria.inventory.n1", "report", "1");

  const report = await drain(lambda, "consumer", { job: "republish", budgetMs: 1 });

  assert.deepEqual([report.processed, report.reason], [0, "deadline"]);
  assert.equal((await drain(lambda, "consumer", { job: "republish", budgetMs: 10_000 })).processed, 1);
});

test("the sweeper answers what it found, and both write metrics that CloudWatch reads from the log", async (t) => {
  const { lambda, put, jsm } = await setup(t, {
    env: { CHORIA_BRIDGE_SERVICE: "choria-bridge-test" },
    republish: SPENT_AT_ONCE,
  });
  await drain(lambda);
  await drain(lambda, "facts");
  await put("choria.inventory.n1", "report", "1");
  await drain(lambda);
  const line = metricsIn(lambda, "consumer").at(-1);
  await put("choria.inventory.n1", "report", "2");
  const queue = await jsm.jetstream().consumers.get("inventory", "republish");
  for await (const message of await queue.fetch({ max_messages: 1 })) assert.equal(message.info.deliveryCount, 1);

  await eventually(async () => {
    const { error, payload } = await invoke(lambda, "sweeper");
    assert.equal(error, null, JSON.stringify(payload));
    assert.equal((await jsm.streams.info("CHORIA_DEAD")).state.messages, 1);
  });

  const { _aws, ...drained } = line;
  assert.deepEqual(_aws.CloudWatchMetrics[0].Dimensions, [["Service", "Job"]]);
  assert.deepEqual(drained, {
    ...{ Service: "choria-bridge-test", Job: "republish" },
    ...{ Processed: 1, Retried: 0, Dead: 0, Returned: 0, Pending: 0, OldestMessageAge: 0 },
  });
  const swept = metricsIn(lambda, "sweeper").map(({ _aws: _declared, ...values }) => values);
  const quiet = { Service: "choria-bridge-test", Function: "sweeper", Swept: 0, Stranded: 0 };
  // A sweep that looks between the end of the lease and the server's word of it counts the message as stranded.
  const before = swept.slice(0, -1).map(({ Stranded }) => ({ ...quiet, Stranded }));
  assert.deepEqual(swept, [...before, { ...quiet, Swept: 1 }]);
});

test("a job whose runs a drain has no time for is warned of once", async (t) => {
  const { lambda } = await setup(t);

  for (let round = 0; round < 2; round += 1) await drain(lambda, "consumer", { budgetMs: 5_000 });

  const warnings = lambda.logs("test-consumer").filter(({ line }) => line.includes("may take longer than this drain"));
  assert.deepEqual(
    warnings.map(({ line }) => JSON.parse(line).job),
    ["republish"],
  );
});

test("a function that cannot begin says why in one line, touches no message, and begins once it can", async (t) => {
  const { nats, lambda, put } = await setup(t);
  await drain(lambda);
  await put("choria.inventory.n1", "report", "1");
  await lambda.retire("test-consumer");
  await nats.server.kill("SIGKILL");

  const { error, payload } = await invoke(lambda, "consumer");

  assert.equal(error, "Unhandled");
  assert.ok(payload instanceof Object && "errorType" in payload && "errorMessage" in payload && "trace" in payload);
  assert.equal(payload.errorType, "ConnectError");
  assert.match(String(payload.errorMessage), /^connection "jetstream" to nats:\/\/[^ ]+: no server answers there/);
  assert.deepEqual(payload.trace, [`ConnectError: ${payload.errorMessage}`]);

  await nats.server.restart();
  assert.equal((await drain(lambda)).processed, 1);
});

test("the example configuration bundles, and its functions load on the runtime's own Node.js", async (t) => {
  const folder = await makeFolder(t);
  const node = await runtimeNode(t);
  const env = { NATS_URL: "nats://127.0.0.1:1" };
  const deploy = { consumer: DEPLOYMENT, sweeper: DEPLOYMENT, replay: DEPLOYMENT };
  const lambda = await startFunctions(t, {
    config: EXAMPLE,
    outdir: join(folder, "lambda"),
    deploy,
    env,
    node,
  });

  const answers = await Promise.all(["consumer", "sweeper", "replay"].map((name) => invoke(lambda, name)));

  for (const { error, payload } of answers) {
    assert.equal(error, "Unhandled");
    assert.ok(payload instanceof Object && "errorType" in payload);
    assert.match(
      String(payload.errorType),
      /^(Connect|Secret|ReplayEvent|InvocationEvent)Error$/,
      JSON.stringify(payload),
    );
  }
});
