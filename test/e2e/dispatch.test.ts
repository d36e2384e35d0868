import assert from "node:assert/strict";
import { test } from "node:test";
import { freePort } from "../../shared/nats-server/port.ts";
import { runCli, startCli } from "../support/cli.ts";
import { eventually } from "../support/eventually.ts";
import { makeFolder, writeYaml } from "../support/folder.ts";
import { awsEnvironment } from "../support/functions.ts";
import { startNats } from "../support/nats.ts";

/** Nothing of the machine's own AWS settings, and a Lambda that nobody answers for. */
const AWS = awsEnvironment("http://127.0.0.1:9");

function documentOf(server: string, changes: object = {}): object {
  return {
    connections: { main: { servers: [server] } },
    trust: { v2: { trustedSigners: ["ab".repeat(32)] } },
    streams: {
      WORK: { connection: "main", subject: "work.{sender}" },
      OUT: { connection: "main", subject: "out.{sender}", retention: "limits" },
    },
    sinks: { out: { type: "jetstream", to: "OUT" } },
    jobs: { work: { stream: "WORK", sink: "out" } },
    dispatcher: { http: { port: 0 }, functionPrefix: "cb-test-" },
    ...changes,
  };
}

test("a dispatcher serves health and metrics while Lambda is away, and ends with 0 at SIGTERM", async (t) => {
  const [nats, folder] = await Promise.all([startNats(t), makeFolder(t)]);
  const file = await writeYaml(folder, documentOf(nats.url));
  assert.equal((await runCli(["streams", "apply", "--config", file])).code, 0);
  const client = await nats.connect();
  await client.jetstream().publish("work.n1", "x");

  const { child, output, ended } = startCli(["dispatch", "--config", file], AWS);
  t.after(() => child.kill("SIGKILL"));
  const url = await eventually(() => {
    const found = /"telemetry":"([^"]+)"/.exec(output.stderr)?.[1];
    assert.ok(found !== undefined, output.stderr);
    return found;
  });
  await eventually(async () => {
    const metrics = await (await fetch(`${url}/metrics`)).text();
    assert.match(metrics, /dispatcher_state\{job="work",state="unreachable"\} 1/);
    assert.match(metrics, /dispatcher_pending\{job="work"\} 1/);
  });
  assert.equal((await fetch(`${url}/healthz`)).status, 200);
  assert.equal((await fetch(`${url}/readyz`)).status, 200);
  child.kill("SIGTERM");

  const { code, stderr } = await ended;
  assert.equal(code, 0, stderr);
  assert.match(stderr, /"msg":"stopped"/);
});

test("what a dispatcher cannot start with is said in one line, with the exit code for it", async (t) => {
  const [nats, folder] = await Promise.all([startNats(t), makeFolder(t)]);
  const nobody = `nats://127.0.0.1:${await freePort()}`;
  const noBudget = { dispatcher: { budget: "6m" } };
  const cases = [
    { name: "a.yaml", document: documentOf(nobody), env: AWS, code: 1, says: /^choria-bridge: connection "main".*$/ },
    { name: "b.yaml", document: documentOf(nats.url, { jobs: {} }), env: AWS, code: 2, says: /no jobs/ },
    { name: "c.yaml", document: documentOf(nats.url, noBudget), env: AWS, code: 2, says: /dispatcher\.budget/ },
    {
      name: "e.yaml",
      document: documentOf(nats.url, { dispatcher: {} }),
      env: AWS,
      code: 2,
      says: /^choria-bridge: dispatcher\.functionPrefix is not set: set it to .*$/,
    },
    {
      name: "d.yaml",
      document: documentOf(nats.url),
      env: { ...AWS, AWS_REGION: "" },
      code: 2,
      says: /set AWS_REGION/,
    },
  ];

  for (const { name, document, env, code, says } of cases) {
    const result = await runCli(["dispatch", "--config", await writeYaml(folder, document, name)], env);
    assert.equal(result.code, code, result.stderr);
    assert.match(result.stderr.trimEnd(), says);
    assert.doesNotMatch(result.stderr, /\n {4}at /, "a stack");
  }
});
