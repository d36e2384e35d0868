import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { startMoto } from "../../support/moto.ts";
import { type Deployed, putSecret, readDeployed } from "./aws.ts";
import { copyCheckout, type Env, serverless, zipsIn } from "./checkout.ts";
import { writeProdConfig } from "./prod.ts";

/** A checkout, an empty AWS, and serverless between the two. */
async function setup(t: TestContext, prefix: string, more: Env = {}) {
  const checkout = await copyCheckout(t);
  const moto = await startMoto(t);
  const env = { ...moto.env, SLS_AWS_MONITORING_FREQUENCY: "200", ...more };
  const run = async (...args: readonly string[]): Promise<string> => {
    const { code, output } = await serverless(checkout, args, env);
    assert.equal(code, 0, output);
    return output;
  };
  return { checkout, env, run, read: () => readDeployed(prefix, env) };
}

test("a stage is deployed, deployed again only when something changed, and removed without a trace", async (t) => {
  const { checkout, run, read } = await setup(t, "choria-bridge-dev");

  await run("deploy", "--param=natsUrl=nats://nats.test:4222");
  const first = await read();
  assertFirst(first);

  const unchanged = await run("deploy", "--param=natsUrl=nats://nats.test:4222");
  assert.match(unchanged, /No changes to deploy\. Deployment skipped/);

  assert.match(await run("info"), /choria-bridge-dev-consumer/);

  const handlers = join(checkout, "docs/lambda/handlers.ts");
  await writeFile(handlers, (await readFile(handlers, "utf8")).replace("NO_FACTS", "NOTHING_THERE"));
  await run("deploy", "function", "--function=consumer", "--param=natsUrl=nats://nats.test:4222");
  const second = await read();
  assert.notEqual(
    second.functions["choria-bridge-dev-consumer"]!.code,
    first.functions["choria-bridge-dev-consumer"]!.code,
  );
  assert.deepEqual(second.functions["choria-bridge-dev-sweeper"], first.functions["choria-bridge-dev-sweeper"]);

  await run("deploy", "--param=natsUrl=nats://other.test:4222", "--param=rate=rate(3 minutes)", "--param=memory=640");
  const third = await read();
  const { memory, environment, code } = third.functions["choria-bridge-dev-consumer"]!;
  assert.deepEqual([memory, environment["NATS_URL"]], [640, "nats://other.test:4222"]);
  assert.equal(code, second.functions["choria-bridge-dev-consumer"]!.code);
  assert.deepEqual(third.rules.map(({ schedule }) => schedule).sort(), ["rate(3 minutes)", "rate(5 minutes)"]);

  await run("remove");
  assert.deepEqual(await read(), { functions: {}, rules: [], roles: {}, log_groups: {}, topics: [] });
});

function assertFirst({ functions, rules, roles, log_groups, topics }: Deployed) {
  const [[role = "", { statements, managed }] = ["", { statements: [], managed: [] }]] = Object.entries(roles);
  assert.deepEqual(Object.keys(roles).length, 1);
  const { code: _code, ...consumer } = functions["choria-bridge-dev-consumer"]!;
  assert.deepEqual(consumer, {
    handler: ".build/lambda/consumer/consumer.handler",
    runtime: "nodejs24.x",
    memory: 512,
    timeout: 90,
    environment: {
      NATS_URL: "nats://nats.test:4222",
      CHORIA_BRIDGE_SERVICE: "choria-bridge-dev",
      NODE_OPTIONS: "--enable-source-maps",
    },
    role,
    subnets: [],
    concurrency: 2,
    invokers: ["events.amazonaws.com"],
  });
  const { timeout, concurrency, invokers } = functions["choria-bridge-dev-replay"]!;
  assert.deepEqual([timeout, concurrency, invokers], [900, null, []]);
  assert.deepEqual(
    [...rules].sort((a, b) => a.targets.join().localeCompare(b.targets.join())),
    [
      { schedule: "rate(5 minutes)", state: "ENABLED", targets: ["choria-bridge-dev-consumer"] },
      { schedule: "rate(5 minutes)", state: "ENABLED", targets: ["choria-bridge-dev-sweeper"] },
    ],
  );
  assert.deepEqual(managed, []);
  assert.deepEqual(
    statements.map(({ Sid }) => Sid),
    ["WriteLogs", "TellOfLostInvocations"],
  );
  assert.match(JSON.stringify(statements[0]!.Resource), /:log-group:\/aws\/lambda\/choria-bridge-dev-consumer/);
  assert.deepEqual(log_groups, {
    "/aws/lambda/choria-bridge-dev-consumer": 7,
    "/aws/lambda/choria-bridge-dev-replay": 7,
    "/aws/lambda/choria-bridge-dev-sweeper": 7,
  });
  assert.deepEqual(topics, ["choria-bridge-dev-lost-invocations"]);
}

test("prod is deployed with the names of its secrets: no value of one is in a template, a zip or a variable", async (t) => {
  const secret = "SUAEXAMPLEEXAMPLEEXAMPLEEXAMPLE";
  const { checkout, env, run, read } = await setup(t, "choria-bridge-prod", {
    CHORIA_BRIDGE_CONFIG: "mine/lambda/prod.yaml",
  });
  await writeProdConfig(checkout);
  await putSecret("/choria-bridge-prod/nats.creds", secret, env);

  const output = await run("deploy", "--stage=prod", "--param=natsUrl=tls://nats.test:4222");

  const { functions, roles, rules, log_groups } = await read();
  assert.deepEqual(
    Object.entries(functions)
      .map(([name, { memory, concurrency }]) => [name, memory, concurrency])
      .sort(),
    [
      ["choria-bridge-prod-consumer", 1024, 10],
      ["choria-bridge-prod-replay", 256, null],
      ["choria-bridge-prod-reports", 384, 3],
      ["choria-bridge-prod-sweeper", 256, null],
    ],
  );
  assert.deepEqual(rules.map(({ schedule }) => schedule).sort(), [
    "rate(1 minute)",
    "rate(2 minutes)",
    "rate(5 minutes)",
  ]);
  assert.deepEqual(new Set(Object.values(log_groups)), new Set([90]));
  const [role] = Object.values(roles);
  const parameters = role!.statements.find(({ Sid }) => Sid === "ReadParameters");
  assert.match(String(parameters?.Resource), /^arn:aws:ssm:us-east-1:\d+:parameter\/choria-bridge-prod\/nats\.creds$/);
  const folder = join(checkout, ".serverless");
  const zips = [...(await zipsIn(folder)).values()].flatMap((files) => [...files.values()].map(String));
  const templates = ["create-stack", "update-stack"].map((name) => `cloudformation-template-${name}.json`);
  const texts = [...templates, "serverless-state.json"].map((name) => readFile(join(folder, name), "utf8"));
  const everything = [output, JSON.stringify(functions), ...zips, ...(await Promise.all(texts))];
  assert.ok(everything.some((text) => text.includes("ssm:/${CHORIA_BRIDGE_SERVICE}/nats.creds")));
  assert.deepEqual(
    everything.filter((text) => text.includes(secret)),
    [],
  );
});

test("without credentials a deployment ends with an error that says so", async (t) => {
  const checkout = await copyCheckout(t);

  const { code, output } = await serverless(checkout, ["deploy"], { AWS_EC2_METADATA_DISABLED: "true" });

  assert.equal(code, 1);
  assert.match(output, /AWS provider credentials not found/);
});
