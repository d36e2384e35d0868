import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import test from "node:test";
import type { AwsAccess } from "../../../shared/aws/access.ts";
import { NETWORK, type Network } from "../../../shared/aws/call.ts";
import { fetchSecrets } from "../../../shared/aws/secrets.ts";
import { ACCESS, everyParameter, failureOf, named, refused, scriptedAws } from "../../support/scripted-aws.ts";

for (const [name, answer, reason] of [
  [
    "throttling",
    refused("ThrottlingException", "Rate exceeded"),
    "ssm.eu-west-1.amazonaws.com answered ThrottlingException",
  ],
  ["a status for throttling", { status: 429, body: "" }, "answered HTTP 429"],
  ["an error on their side", refused("com.amazonaws.ssm#InternalServerError", "", 500), "answered InternalServerError"],
  ["an answer that is no JSON", { body: "<html>s3cr3t</html>" }, "is no JSON"],
] as const) {
  test(`${name} is tried three times, and the second may succeed`, async () => {
    const always = scriptedAws(() => answer);
    const once = scriptedAws((asked) => (once.asked.length === 1 ? answer : everyParameter(asked)));

    const failure = await failureOf(fetchSecrets(named("ssm:/a", "ssm:/b"), ACCESS, always.network));

    assert.equal(failure.code, "SECRET_UNAVAILABLE");
    assert.ok(failure.message.startsWith("ssm:/a, ssm:/b: not fetched in three tries: "), failure.message);
    assert.ok(failure.message.includes(reason), failure.message);
    assert.equal(always.asked.length, 3);
    assert.equal((await fetchSecrets(named("ssm:/a"), ACCESS, once.network)).get("ssm:/a"), "value of /a");
  });
}

test("three tries and the waits between them end within 3 s, waits grow", async () => {
  const { network, waitedMs, limitsMs } = scriptedAws(() => ({ status: 503, body: "" }));

  await failureOf(fetchSecrets(named("ssm:/a"), ACCESS, network));

  assert.deepEqual(
    [waitedMs, limitsMs],
    [
      [200, 400],
      [800, 800, 800],
    ],
  );
});

test("functions that start together do not wait alike", async () => {
  const { network, waitedMs } = scriptedAws(() => ({ status: 503, body: "" }));

  await failureOf(fetchSecrets(named("ssm:/a"), ACCESS, { ...network, random: () => 0 }));

  assert.deepEqual(waitedMs, [100, 200]);
});

test("a service that cannot be reached is named with the reason and what a VPC takes", async () => {
  const closed = createServer().listen(0, "127.0.0.1");
  await once(closed, "listening");
  const { port } = closed.address() as AddressInfo;
  await new Promise((resolve) => closed.close(resolve));

  const failure = await failureOf(fetchSecrets(named("ssm:/a"), at(port), { ...NETWORK, wait: async () => {} }));

  assert.equal(failure.code, "SECRET_UNAVAILABLE");
  assert.match(
    failure.message,
    /cannot be reached \(ECONNREFUSED\); in a VPC that takes a NAT gateway or an interface/,
  );
});

for (const [name, headFirst] of [
  ["says nothing", false],
  ["stops in the middle of its answer", true],
] as const) {
  test(`a service that ${name} is given up`, async (t) => {
    const silent = createServer((_, response) => void (headFirst && response.writeHead(200).write("{")));
    silent.listen(0, "127.0.0.1");
    t.after(() => silent.closeAllConnections());
    t.after(() => silent.close());
    await once(silent, "listening");
    const { port } = silent.address() as AddressInfo;
    const network: Network = { ...NETWORK, wait: async () => {}, limit: () => AbortSignal.timeout(50) };

    const failure = await failureOf(fetchSecrets(named("ssm:/a"), at(port), network));

    assert.equal(failure.code, "SECRET_UNAVAILABLE");
    assert.match(failure.message, /cannot be reached \(no answer within 800 ms\)/);
  });
}

function at(port: number): AwsAccess {
  return { ...ACCESS, endpoints: { ...ACCESS.endpoints, ssm: `http://127.0.0.1:${port}` } };
}
