import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { eventually } from "../../support/eventually.ts";
import { startNats } from "../../support/nats.ts";

test("a server keeps its port and its stored messages over kill -9 and restart", async (t) => {
  const { server, connect, jsm } = await startNats(t);
  await (await jsm()).streams.add({ name: "KEPT", subjects: ["kept"] });
  const connection = await connect();
  await connection.jetstream().publish("kept", "one");
  const { port, pid } = server;

  await server.kill("SIGKILL");
  await server.restart();

  const info = await eventually(async () => (await jsm()).streams.info("KEPT"));
  assert.equal(info.state.messages, 1);
  assert.equal(server.port, port);
  assert.notEqual(server.pid, pid);
});

test("a frozen server answers again once it is continued, and can be stopped while frozen", async (t) => {
  const { server, connect } = await startNats(t);
  const connection = await connect();

  await server.kill("SIGSTOP");
  const answer = connection.rtt();
  await server.kill("SIGCONT");

  assert.ok((await answer) >= 0);
  await server.kill("SIGSTOP");
  await server.stop();
  assert.throws(() => process.kill(server.pid, 0), { code: "ESRCH" });
});

test("monitoring is served on a loopback port of its own when it is asked for", async (t) => {
  const { server } = await startNats(t, { monitor: true });

  const varz = await (await fetch(`${server.monitorUrl}/varz`)).text();

  assert.match(varz, new RegExp(`"port": ${server.port}`));
});

test("a server that cannot start says what it printed", async (t) => {
  await assert.rejects(startNats(t, { config: "acounts: {}" }), /nats-server .* exited with 1:.*acounts/s);
});

test("a server dies with its parent, even when that is killed with -9", async (t) => {
  const { binary } = await startNats(t);
  const parent = startParent(t, binary);
  const [pid = 0] = await parent.stdout.map(Number).take(1).toArray();

  parent.kill("SIGKILL");

  await eventually(() => assert.throws(() => process.kill(pid, 0), { code: "ESRCH" }));
});

/** A process that starts a server, prints its process id and stays. */
function startParent(t: TestContext, binary: string) {
  const storeDir = mkdtempSync(join(tmpdir(), "choria-bridge-orphan-"));
  t.after(() => rmSync(storeDir, { recursive: true, force: true, maxRetries: 3 }));
  const module = new URL("../../../shared/nats-server/run.ts", import.meta.url).href;
  const script = `
    import { startServer } from ${JSON.stringify(module)};
    const [binary, storeDir] = process.argv.slice(1);
    console.log((await startServer({ binary, storeDir })).pid);`;
  const args = ["--import", "tsx", "--input-type=module", "--eval", script, binary, storeDir];
  return spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
}
