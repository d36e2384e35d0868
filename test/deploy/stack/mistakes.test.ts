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

  const { code, output } = await buildLambda(checkout, [file], { NATS_URL: "nats://nats.test:4222" });

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

test("a handler that its module does not export is refused by the build, with the module's name", async (t) => {
  const checkout = await copyCheckout(t);
  const file = await writeProdConfig(checkout);
  const text = await readFile(join(checkout, file), "utf8");
  await writeFile(join(checkout, file), text.replace("#facts", "#fects"));
  const env = { NATS_URL: "nats://nats.test:4222", CHORIA_BRIDGE_SERVICE: "here" };

  const { code, output } = await buildLambda(checkout, [file], env);

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
