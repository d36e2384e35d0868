import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { putSecret } from "./aws.ts";
import { copyCheckout, serverless, zipsIn } from "./checkout.ts";
import { startDeployment } from "./deployment.ts";
import { writeProdConfig } from "./prod.ts";

test("prod is deployed with the names of its secrets: no value of one is in a template, a zip or a variable", async (t) => {
  const secret = "SUAEXAMPLEEXAMPLEEXAMPLEEXAMPLE";
  const { checkout, env, run, read } = await startDeployment(t, "choria-bridge-prod", {
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
