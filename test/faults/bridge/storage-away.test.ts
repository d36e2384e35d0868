import assert from "node:assert/strict";
import { after, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { startScene } from "../../support/faults/bridge/scene.ts";
import { startFleet } from "../../support/fleet.ts";

const sharedFleet = startFleet({ after });

test("JetStream's server away for 10 s at 500 messages a second loses nothing", async (t) => {
  const { broker, storage, sender, books, startBridge } = await startScene(t, sharedFleet, { messages: 5_500 });
  await startBridge();

  const sending = sender.send(5_500, 500);
  await wait(500);
  await storage?.server.kill("SIGTERM");
  await wait(10_000);
  await storage?.server.restart();
  await sending;

  const balance = await books.balance();
  books.report(t, "JetStream's server stopped for 10 s, 500/s", balance, broker.serverVersion);
  assert.deepEqual([balance.missing, balance.shed], [[], {}]);
});

test("an outage longer than the buffer's maxAge sheds what became too old, counted, and nothing else", async (t) => {
  const { broker, storage, sender, books, startBridge } = await startScene(t, sharedFleet, {
    messages: 1_000,
    stream: { buffer: { maxAge: "500ms" } },
  });
  await startBridge();

  await storage?.server.kill("SIGTERM");
  await sender.send(1_000, 500);
  await storage?.server.restart();

  const balance = await books.balance();
  books.report(t, "JetStream's server stopped for 2 s, buffer.maxAge 0.5 s", balance, broker.serverVersion);
  assert.deepEqual(Object.keys(balance.shed), ["buffer_expired"]);
  assert.equal(balance.missing.length, balance.shed["buffer_expired"]);
});

test("PubAcks that come later than the bridge waits for them lose nothing, and what they confirmed is not stored twice", async (t) => {
  const { broker, storage, sender, books, startBridge } = await startScene(t, sharedFleet, { messages: 1_300 });
  await startBridge();

  const sending = sender.send(1_300, 200);
  await wait(500);
  await storage?.server.kill("SIGSTOP");
  await wait(5_500);
  await storage?.server.kill("SIGCONT");
  await sending;

  const balance = await books.balance();
  books.report(t, "JetStream's server stands still for 5.5 s", balance, broker.serverVersion);
  assert.deepEqual([balance.missing, balance.shed], [[], {}]);
  assert.ok((balance.retries["timeout"] ?? 0) > 0, "no PubAck was late: the test shows nothing");
  assert.equal(balance.stored, balance.sent, "a publish of unknown outcome that was stored counts as stored");
});

test("a JetStream server that gets a tenth of its time, as on a slow disk, loses nothing", async (t) => {
  const { broker, storage, sender, books, startBridge } = await startScene(t, sharedFleet, { messages: 2_000 });
  await startBridge();

  const hobbled = new AbortController();
  const hobbling = (async () => {
    while (!hobbled.signal.aborted) {
      await storage?.server.kill("SIGSTOP");
      await wait(450);
      await storage?.server.kill("SIGCONT");
      await wait(50);
    }
  })();
  await sender.send(2_000, 500);
  await wait(2_000);
  hobbled.abort();
  await hobbling;

  const balance = await books.balance();
  books.report(t, "JetStream's server stopped for 450 of 500 ms, for 6 s", balance, broker.serverVersion);
  assert.deepEqual([balance.missing, balance.shed, balance.stored], [[], {}, balance.sent]);
});
