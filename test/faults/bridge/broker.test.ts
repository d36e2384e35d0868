import assert from "node:assert/strict";
import { after, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { REGISTRATION_SUBJECT } from "../../support/bridge.ts";
import type { RunningBridge } from "../../support/bridge-process.ts";
import { eventually } from "../../support/eventually.ts";
import type { Balance } from "../../support/faults/bridge/books.ts";
import { startScene } from "../../support/faults/bridge/scene.ts";
import type { Sender } from "../../support/faults/bridge/sender.ts";
import { startFleet } from "../../support/fleet.ts";

const sharedFleet = startFleet({ after });

/** What the broker had confirmed and not passed on yet when it was killed. */
const ON_THE_WAY_MS = 250;
const PAD_BYTES = 20_000;

async function ready({ telemetryUrl }: RunningBridge, monitorUrl: string | null): Promise<void> {
  await eventually(async () => assert.ok((await fetch(`${telemetryUrl}/readyz`)).ok, "the bridge is not ready"), {
    timeoutMs: 60_000,
  });
  await subscribed(monitorUrl);
}

/** The client says that it is back a moment before the broker has read its subscriptions. */
async function subscribed(monitorUrl: string | null): Promise<void> {
  await eventually(async () => {
    const connections = await (await fetch(`${monitorUrl}/connz?subs=1`)).text();
    assert.ok(connections.includes(`"${REGISTRATION_SUBJECT}"`), "the broker has no subscription");
  });
}

/** Nothing is missing but what was sent in the outage, which the bridge has counted. */
function assertOnlyTheGapIsMissing(balance: Balance, sender: Sender, outage: { from: number; to: number }): void {
  const outside = balance.missing.filter((n) => {
    const at = sender.sent.get(n) ?? 0;
    return at < outage.from - ON_THE_WAY_MS || at > outage.to;
  });
  assert.deepEqual([outside, balance.shed], [[], {}]);
  assert.equal(balance.disconnects, 1);
  assert.equal(balance.received, balance.found, "what was received is not stored");
}

test("a broker that dies loses what is sent until the bridge is back, and nothing before or after it", async (t) => {
  const { broker, sender, books, startBridge } = await startScene(t, sharedFleet, { messages: 2_000 });
  const bridge = await startBridge();

  const sending = sender.send(2_000, 500);
  await wait(1_000);
  const from = performance.now();
  await broker.server.kill("SIGKILL");
  await wait(1_500);
  await broker.server.restart();
  await eventually(async () => assert.equal(await books.sum("disconnects_total", { connection: "ingest main" }), 1));
  await ready(bridge, broker.server.monitorUrl);
  const to = performance.now();
  await sending;

  const balance = await books.balance();
  books.report(t, "broker killed, started again 1.5 s later", balance, broker.serverVersion);
  assertOnlyTheGapIsMissing(balance, sender, { from, to });
  assert.ok(balance.disconnectedSeconds >= 1.5, `${balance.disconnectedSeconds} s`);
});

test("broker and JetStream's server away at the same time lose only what is sent until the bridge hears the broker again", async (t) => {
  const { broker, storage, sender, books, startBridge } = await startScene(t, sharedFleet, { messages: 2_500 });
  const bridge = await startBridge();

  const sending = sender.send(2_500, 500);
  await wait(500);
  await storage?.server.kill("SIGKILL");
  await wait(1_000);
  const from = performance.now();
  await broker.server.kill("SIGKILL");
  await wait(1_000);
  await broker.server.restart();
  await eventually(async () => {
    assert.equal(await books.sum("disconnects_total", { connection: "ingest main" }), 1);
    const reasons = await (await fetch(`${bridge.telemetryUrl}/readyz`)).text();
    assert.doesNotMatch(reasons, /ingest main/);
  });
  await subscribed(broker.server.monitorUrl);
  const to = performance.now();
  await wait(500);
  await storage?.server.restart();
  await sending;

  const balance = await books.balance();
  books.report(t, "broker killed while JetStream's server is away", balance, broker.serverVersion);
  assertOnlyTheGapIsMissing(balance, sender, { from, to });
});

test("a bridge that is cut off as a slow consumer counts a disconnect, and misses nothing but what the broker threw away", async (t) => {
  const { broker, sender, books, startBridge } = await startScene(t, sharedFleet, {
    messages: 1_100,
    payloadBytes: PAD_BYTES,
    brokerConfig: 'max_pending: 1MB\nwrite_deadline: "2s"\n',
  });
  const bridge = await startBridge();
  await sender.send(50, 500);

  bridge.child.kill("SIGSTOP");
  await sender.send(1_000, 5_000);
  await eventually(async () => assert.ok((await slowConsumers(broker.server.monitorUrl)) > 0, "it was not cut off"));
  bridge.child.kill("SIGCONT");
  await eventually(async () => assert.equal(await books.sum("disconnects_total", { connection: "ingest main" }), 1));
  await ready(bridge, broker.server.monitorUrl);
  const back = performance.now();
  await sender.send(50, 500);

  const balance = await books.balance();
  books.report(t, "bridge cut off as a slow consumer (stopped, 20 MB)", balance, broker.serverVersion);
  assert.ok(balance.missing.length > 0, "nothing was thrown away: the test shows nothing");
  assert.deepEqual(
    balance.missing.filter((n) => (sender.sent.get(n) ?? 0) > back),
    [],
    "missing although it was connected",
  );
  assert.deepEqual([balance.disconnects, balance.shed], [1, {}]);
  assert.equal(balance.received, balance.found, "what was received is not stored");
});

async function slowConsumers(monitorUrl: string | null): Promise<number> {
  const { slow_consumers } = (await (await fetch(`${monitorUrl}/varz`)).json()) as { slow_consumers: number };
  return slow_consumers;
}
