import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { buildLambda, copyCheckout, serverless } from "./checkout.ts";
import { writeProdConfig } from "./prod.ts";

test("a configuration that cannot work is refused by the build, every problem at once", async (t) => {
  const checkout = await copyCheckout(t);
  const file = await writeProdConfig(checkout);
  const good = await readFile(join(checkout, file), "utf8");
  const bad = good
    .replace("secretsmanager:nats/client#key", "certificates/client.key")
    .replace("certificates/ca.pem", "certificates/nowhere.pem")
    .replace('"ssm:/${CHORIA_BRIDGE_SERVICE}/nats.creds"', '"ssm:/with a space"')
    .replace("sink: nodes", "sink: nods");
  await writeFile(join(checkout, file), bad);

  const { code, output } = await buildLambda(checkout, [file, "NATS_URL=nats://nats.test:4222"]);

  assert.equal(code, 2);
  const places = output
    .trim()
    .split("\n")
    .map((line) => line.split(" ").slice(0, 2).join(" "));
  assert.deepEqual(places, [
    "mine/lambda/prod.yaml:5 connections.jetstream.credsFile:",
    "mine/lambda/prod.yaml:6 connections.jetstream.tls.ca:",
    "mine/lambda/prod.yaml:6 connections.jetstream.tls.key:",
    "mine/lambda/prod.yaml:14 jobs.republish.sink:",
  ]);
  assert.match(output, /tls\.key: names a file, .* secret .*; store it and name it as "ssm:\/name"/);
});

test("a variable that only the shell has is refused by the build, with everything else that is wrong", async (t) => {
  const checkout = await copyCheckout(t);
  const file = await writeProdConfig(checkout);
  const good = await readFile(join(checkout, file), "utf8");
  const bad = good
    .replace("sink: nodes }", 'sink: nods, timeout: "${SHELL_ONLY}" }')
    .replace("memory: 384", 'memory: "${NOBODYS}"');
  await writeFile(join(checkout, file), bad);
  const shell = { SHELL_ONLY: "10s", CHORIA_BRIDGE_SERVICE: "of-the-shell", CHORIA_BRIDGE_CONFIG: file };

  const { code, output } = await buildLambda(checkout, ["NATS_URL=nats://nats.test:4222"], shell);

  assert.equal(code, 2);
  assert.deepEqual(
    output
      .trim()
      .split("\n")
      .map((line) => line.replace(/^\S+ /, "").replace(/ \(is .*/, "")),
    [
      "connections.jetstream.credsFile: environment variable CHORIA_BRIDGE_SERVICE is set in this shell only, and the functions will not have it",
      "jobs.republish.timeout: environment variable SHELL_ONLY is set in this shell only, and the functions will not have it",
      'jobs.republish.sink: names no entry of "sinks"',
      "lambda.functions.reports.memory: environment variable NOBODYS is not known to be set in the functions",
    ],
  );
  assert.match(output, /set it under provider\.environment in serverless\.yml, or write \$\{SHELL_ONLY:-default\}/);
});

test("serverless refuses a variable that only its shell has", async (t) => {
  const checkout = await copyCheckout(t);
  const CHORIA_BRIDGE_CONFIG = await writeProdConfig(checkout);
  const good = await readFile(join(checkout, CHORIA_BRIDGE_CONFIG), "utf8");
  const bad = good.replace("sink: nodes }", 'sink: nodes, timeout: "${SHELL_ONLY}" }');
  await writeFile(join(checkout, CHORIA_BRIDGE_CONFIG), bad);

  const { code, output } = await serverless(checkout, ["print"], { CHORIA_BRIDGE_CONFIG, SHELL_ONLY: "10s" });

  assert.equal(code, 1);
  assert.equal(output.match(/timeout: environment variable SHELL_ONLY is set in this shell only/g)?.length, 1, output);
});

test("the role may read the secrets that the functions will name, not those that the shell names", async (t) => {
  const checkout = await copyCheckout(t);
  const CHORIA_BRIDGE_CONFIG = await writeProdConfig(checkout);
  const file = join(checkout, CHORIA_BRIDGE_CONFIG);
  const named = "${CREDS:-ssm:/of/the/functions}";
  await writeFile(file, (await readFile(file, "utf8")).replace("ssm:/${CHORIA_BRIDGE_SERVICE}/nats.creds", named));

  const shell = { CHORIA_BRIDGE_CONFIG, CREDS: "ssm:/of/the/shell" };
  const { code, output } = await serverless(checkout, ["print"], shell);

  assert.equal(code, 0, output);
  assert.match(output, /:parameter\/of\/the\/functions/);
  assert.doesNotMatch(output, /of\/the\/shell/);
});

test("a job that may run for as long as the function consumer is refused, until the function has more time", async (t) => {
  const checkout = await copyCheckout(t);
  const CHORIA_BRIDGE_CONFIG = await writeProdConfig(checkout);
  const file = join(checkout, CHORIA_BRIDGE_CONFIG);
  await writeFile(file, (await readFile(file, "utf8")).replace("sink: nodes }", "sink: nodes, timeout: 89s }"));

  const refused = await serverless(checkout, ["print"], { CHORIA_BRIDGE_CONFIG });
  const printed = await serverless(checkout, ["print", "--param=timeout=91"], { CHORIA_BRIDGE_CONFIG });

  assert.equal(refused.code, 1);
  const [line, ...others] = refused.output.split("\n").filter((text) => text.includes("jobs.republish.timeout"));
  assert.match(line ?? "", /may take 89s, .* function consumer \(90 s\).*--param="timeout=91"/);
  assert.deepEqual(others, []);
  assert.equal(printed.code, 0, printed.output);
  assert.match(printed.output, /^ {4}timeout: 91$/m);
});

test("a handler that its module does not export is refused by the build, with the module's name", async (t) => {
  const checkout = await copyCheckout(t);
  const file = await writeProdConfig(checkout);
  const text = await readFile(join(checkout, file), "utf8");
  await writeFile(join(checkout, file), text.replace("#facts", "#fects"));
  const variables = ["NATS_URL=nats://nats.test:4222", "CHORIA_BRIDGE_SERVICE=here"];

  const { code, output } = await buildLambda(checkout, [file, ...variables]);

  assert.equal(code, 2);
  assert.match(output, /No matching export in "mine\/lambda\/handlers\.ts" for import "fects"/);
});

test("serverless tells each problem of a configuration once, without a stack, and packages nothing", async (t) => {
  const checkout = await copyCheckout(t);
  await mkdir(join(checkout, "mine"));
  const text = await readFile(join(checkout, "docs/lambda/consumer.yaml"), "utf8");
  await writeFile(join(checkout, "mine/typo.yaml"), text.replace("sink: nodes", "sink: nods"));

  const { code, output } = await serverless(checkout, ["package"], { CHORIA_BRIDGE_CONFIG: "mine/typo.yaml" });

  assert.equal(code, 1);
  assert.equal(output.match(/jobs\.republish\.sink: names no entry/g)?.length, 1, output);
  assert.doesNotMatch(output, /^ +at /m);
});

test("one of subnets and securityGroups without the other is refused", async (t) => {
  const checkout = await copyCheckout(t);

  const { code, output } = await serverless(checkout, ["package", "--param=subnets=subnet-11111111"]);

  assert.equal(code, 1);
  assert.match(output, /subnets and securityGroups go together/);
});
