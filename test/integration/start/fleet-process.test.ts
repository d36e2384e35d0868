import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { FleetProcess } from "../../../functions/cli/start/fleet-process.ts";
import { eventually } from "../../support/eventually.ts";
import { startNats } from "../../support/nats.ts";

test("the fleet runs as a child process and tells what it sent when it is stopped", async (t) => {
  const nats = await startNats(t);
  const dataDir = mkdtempSync(join(tmpdir(), "fleet-process-"));
  t.after(() => rmSync(dataDir, { recursive: true }));
  const connection = await nats.connect();
  let received = 0;
  connection.subscribe("fleet.broadcast.agent.registration", { callback: () => (received += 1) });
  await connection.flush();

  process.execArgv.push("--import", "tsx"); // a child is given what its parent has, and this one runs from the sources
  t.after(() => process.execArgv.splice(-2));
  const fleet = new FleetProcess({
    script: fileURLToPath(new URL("../../../functions/cli/main.ts", import.meta.url)),
    nodes: 10,
    intervalMs: 500,
    protocol: "mixed",
    badPercent: 10,
    servers: [nats.url],
    dataDir,
    collective: "fleet",
  });
  await eventually(() => assert.ok(fleet.sent > 10, "not yet"), { timeoutMs: 60_000 });
  const report = await fleet.stop();

  await connection.flush();
  assert.equal(report?.sent, received);
  assert.deepEqual(await fleet.stop(), report);
});
