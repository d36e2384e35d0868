import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { Deployed } from "./aws.ts";
import { startDeployment } from "./deployment.ts";

test("a stage is deployed, deployed again only when something changed, and removed without a trace", async (t) => {
  const { checkout, run, read } = await startDeployment(t, "choria-bridge-dev");

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
