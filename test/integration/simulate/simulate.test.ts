import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { type FromSimulator, fromSimulatorSchema } from "../../../functions/simulate/ipc.ts";
import { eventually } from "../../support/eventually.ts";
import { startNats } from "../../support/nats.ts";

const cli = fileURLToPath(new URL("../../../functions/cli/main.ts", import.meta.url));
const data = mkdtempSync(join(tmpdir(), "simulate-")); // shared: making the RSA keys takes a second
after(() => rmSync(data, { recursive: true }));

async function setup(t: TestContext) {
  const nats = await startNats(t);
  const connection = await nats.connect();
  const received: Uint8Array[] = [];
  connection.subscribe("mcollective.broadcast.agent.registration", {
    callback: (_error, message) => received.push(message.data),
  });
  await connection.flush();
  const messages: FromSimulator[] = [];
  const simulate = (...options: string[]): ChildProcess => {
    const args = ["simulate", "--servers", nats.url, "--data", data, ...options];
    const child = fork(cli, args, { execArgv: ["--import", "tsx"], stdio: ["ignore", "pipe", "inherit", "ipc"] });
    child.on("message", (message) => messages.push(fromSimulatorSchema.parse(message)));
    t.after(() => child.kill("SIGKILL"));
    return child;
  };
  return { simulate, received, messages, connection };
}

test("the report counts exactly what the server was given, when the parent says stop", async (t) => {
  const { simulate, received, messages, connection } = await setup(t);
  const child = simulate("--nodes", "40", "--interval", "1", "--bad", "20");
  await eventually(() => assert.ok(received.length > 60, "not yet"), { timeoutMs: 60_000 });

  child.send({ type: "stop" });
  const [code] = await once(child, "exit");

  await connection.flush();
  assert.equal(code, 0);
  const report = messages.at(-1);
  assert.equal(report?.type, "done");
  assert.equal(report?.report.sent, received.length);
  assert.equal(report?.report.unconfirmed, 0);
  assert.ok((report?.report.bad ?? 0) > 0);
});

test("a second run with the same folder sends at once, and stops by itself", async (t) => {
  const { simulate, received, messages, connection } = await setup(t);

  const child = simulate("--nodes", "5", "--interval", "1s", "--bad", "0", "--for", "3s", "--protocol", "v2");
  await once(child, "exit");

  await connection.flush();
  assert.equal(messages.at(-1)?.report.sent, received.length);
  assert.deepEqual(messages.at(-1)?.report.badByExpectedCode, {});
  assert.equal(messages.at(-1)?.report.byProtocol.v1, 0);
  assert.ok(received.length >= 5);
});
