import assert from "node:assert/strict";
import { after, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { eventually } from "../../support/eventually.ts";
import { STREAM } from "../../support/faults/bridge/books.ts";
import { startScene } from "../../support/faults/bridge/scene.ts";
import { startFleet } from "../../support/fleet.ts";
import { startNats } from "../../support/nats.ts";

const sharedFleet = startFleet({ after });

test("a stream that is full sheds the newest beyond the buffer, counted, and takes the buffered once there is room", async (t) => {
  const { broker, sender, books, startBridge } = await startScene(t, sharedFleet, {
    messages: 1_000,
    stream: { maxMessages: 300, buffer: { maxMessages: 200 } },
  });
  await startBridge();

  await sender.send(1_000, 1_000);
  await eventually(async () => assert.equal(await books.sum("received_total"), 1_000));
  await eventually(async () => assert.equal(await books.sum("validating"), 0));
  assert.equal(await books.bank(), 300);

  const balance = await books.balance();
  books.report(t, "stream full, then freed", balance, broker.serverVersion);
  assert.deepEqual(balance.shed, { buffer_full: 500 });
  assert.equal(balance.missing.length, 500);
});

test("a stream that is deleted and made again loses nothing that was sent meanwhile", async (t) => {
  const { broker, jsm, sender, books, startBridge } = await startScene(t, sharedFleet, { messages: 1_000 });
  await startBridge();
  await sender.send(250, 1_000);
  await eventually(async () => assert.equal(await books.sum("stored_total"), 250));
  const { config } = await jsm.streams.info(STREAM);
  await books.bank(); // the rest of it goes with the stream, whoever deletes it

  await jsm.streams.delete(STREAM);
  const sending = sender.send(750, 500);
  await eventually(async () => assert.ok((await books.sum("publish_retries_total")) > 0, "no publish was tried again"));
  await wait(1_000);
  await jsm.streams.add(config);
  await sending;

  const balance = await books.balance();
  books.report(t, "stream deleted, made again 1 s later", balance, broker.serverVersion);
  assert.deepEqual([balance.missing, balance.shed, Object.keys(balance.retries)], [[], {}, ["no_stream"]]);
});

test("one of an ingest's two streams gone neither delays nor sheds for the other, and gets all of it once it is back", async (t) => {
  const second = await startNats(t);
  const { broker, sender, books, startBridge } = await startScene(t, sharedFleet, {
    messages: 500,
    ingest: { to: [STREAM, "OTHER"] },
    streams: { OTHER: { connection: "second", subject: "other.{sender}", retention: "limits" } },
    connections: { second: { servers: [second.url] } },
  });
  await startBridge();

  await second.server.kill("SIGKILL");
  await sender.send(500, 500);
  await eventually(async () => assert.equal(await books.sum("stored_total", { stream: STREAM }), 500));
  assert.equal(await books.sum("stored_total", { stream: "OTHER" }), 0);
  await second.server.restart();

  const balance = await books.balance();
  books.report(t, "one of two streams' servers killed for 1 s", balance, broker.serverVersion);
  assert.deepEqual([balance.missing, balance.shed], [[], {}]);
  assert.equal(await books.sum("stored_total", { stream: "OTHER" }), 500);
});
