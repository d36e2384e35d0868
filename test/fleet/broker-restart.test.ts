import assert from "node:assert/strict";
import { test } from "node:test";
import { choriaBinary } from "../support/choria/program/binary.ts";
import { startScene } from "../support/choria/scene/scene.ts";
import { storedIn } from "../support/choria/scene/stored.ts";
import { eventually } from "../support/eventually.ts";

const binary = await choriaBinary(process.env);
const skip = binary.ok ? false : binary.reason;
/** A node waits up to 20 s between two tries to come back (go-choria backoff/). */
const PATIENCE = { timeoutMs: 60_000 };

for (const mode of ["v1", "v2"] as const) {
  test(`${mode}: when the broker is back so is the bridge, by itself, and the time without it is counted`, {
    skip,
  }, async (t) => {
    assert.ok(binary.ok);
    const { network, bridge, jsm } = await startScene(t, mode, binary.path);
    await network.startNode("node01.fleet.test", { provider: "inventory_content", compressed: true });
    const stored = async () =>
      (await storedIn(jsm, "REGISTRATIONS")).map(
        ({ header }) => `${header("Choria-Sender")} ${header("Choria-Request-Id")}`,
      );
    const hasStored = (messages: number) =>
      eventually(async () => assert.ok((await stored()).length >= messages, "too few are stored"), PATIENCE);
    await hasStored(1);

    await network.broker.stop();
    await eventually(async () => {
      const { ready, reasons } = await bridge.readiness();
      assert.equal(ready, false);
      assert.match(reasons, /^connection ingest broker is down$/m);
    });
    const before = (await stored()).length;
    await network.broker.start();
    await hasStored(before + 2);

    assert.deepEqual(await bridge.readiness(), { ready: true, reasons: "ready\n" });
    const metrics = await bridge.metrics();
    assert.match(metrics, /^choria_bridge_disconnects_total\{connection="ingest broker"\} 1$/m);
    assert.match(metrics, /^choria_bridge_disconnected_seconds_total\{connection="ingest broker"\} 0*[1-9.]/m);
    const all = await stored();
    assert.equal(new Set(all).size, all.length, "something is stored twice");
  });
}
