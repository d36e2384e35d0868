import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, test } from "node:test";
import type { NatsConnection } from "nats";
import { REGISTRATION_SUBJECT } from "../../support/bridge.ts";
import { eventually } from "../../support/eventually.ts";
import { startScene } from "../../support/faults/bridge/scene.ts";
import { startFleet } from "../../support/fleet.ts";

const sharedFleet = startFleet({ after });

const BURST = 5_000;
const PAYLOAD_BYTES = 4_000;
/** Together 200 MB, far more than the memory that the bridge may take for them. */
const COPIES = 30_000;
const MOST_MEMORY_MB = 175;
const AS_FAST_AS_POSSIBLE = 1_000_000;
const IN_FLIGHT = 400;
/** One event among so many registrations: together what the events' ingest is guaranteed, a quarter of the hand. */
const EVENT_EVERY = BURST / (IN_FLIGHT / 4);
const EVENTS = "choria.lifecycle.event.alive.server";
/** So many at a time have room in the registrations' part of the hand, however slow the machine is. */
const NEXT_INTERVAL = { waves: 5, messages: IN_FLIGHT / 2 };

/** Of the same node and with the same id, as nodes really send them: each is stored. */
function publishEvent(client: NatsConnection, n: number): void {
  if (n % EVENT_EVERY !== 0) return;
  const identity = "node1.example.net";
  const id = "731f3486-ccb0-4636-8b23-44353ab8ce29";
  const data = { protocol: "io.choria.lifecycle.v1.alive", id, identity, component: "server", timestamp: n };
  client.publish(EVENTS, JSON.stringify(data));
}

/** Copies of one message, as fast as it goes: what is not shed is stored once. */
async function flood(client: NatsConnection, message: Uint8Array): Promise<void> {
  for (let sent = 1; sent <= COPIES; sent += 1) {
    client.publish(REGISTRATION_SUBJECT, message);
    if (sent % 1_000 === 0) await client.flush();
  }
}

/** The most memory the process ever had, MB. */
async function peakMemory(pid: number | undefined): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1]) / 1_024;
}

test("a burst of registrations is shed exactly as far as it is too much, takes nothing from the lifecycle events among it, and is over when it is over", async (t) => {
  const { broker, sender, books, startBridge } = await startScene(t, sharedFleet, {
    messages: BURST + NEXT_INTERVAL.waves * NEXT_INTERVAL.messages,
    payloadBytes: PAYLOAD_BYTES,
    brokerConfig: 'max_pending: 1GB\nwrite_deadline: "2m"\n', // the bridge is to be the one that sheds
    ingests: { lifecycle: { connection: "main", subject: EVENTS, kind: "event", proof: "none", to: ["EVENTS"] } },
    streams: { EVENTS: { connection: "storage", subject: "events.{sender}", allowUnprovenSender: true } },
    bridge: { inFlight: IN_FLIGHT },
  });
  const bridge = await startBridge();
  const memoryBefore = process.platform === "linux" ? await peakMemory(bridge.child.pid) : 0;
  const of = (name: string, labels: Readonly<Record<string, string>>) => books.sum(name, labels);

  // Stopped meanwhile, so that all of it waits at once however slow the sender is.
  bridge.child.kill("SIGSTOP");
  await sender.send(BURST, AS_FAST_AS_POSSIBLE, publishEvent);
  bridge.child.kill("SIGCONT");
  await eventually(async () => assert.equal(await of("received_total", { ingest: "registration" }), BURST));
  const afterBurst = await books.balance();
  const payload = JSON.stringify({ n: -1, pad: "x".repeat(PAYLOAD_BYTES) });
  await flood(await broker.connect(), await (await sharedFleet).registration(0, { payload }));
  await eventually(async () => {
    assert.equal(await of("received_total", { ingest: "registration" }), BURST + COPIES);
    assert.equal(await of("validating", {}), 0);
  });
  for (let wave = 1; wave <= NEXT_INTERVAL.waves; wave += 1) {
    await sender.send(NEXT_INTERVAL.messages, AS_FAST_AS_POSSIBLE);
    const received = BURST + COPIES + wave * NEXT_INTERVAL.messages;
    await eventually(async () => {
      assert.equal(await of("received_total", { ingest: "registration" }), received);
      assert.equal(await of("validating", {}), 0);
    });
  }
  const balance = await books.balance();

  books.report(t, `burst of ${BURST} at once, bridge.inFlight ${IN_FLIGHT}`, afterBurst, broker.serverVersion);
  const { overload = 0, ...others } = afterBurst.shed;
  assert.ok(overload > BURST / 10, `only ${overload} were shed: the test shows little`);
  assert.deepEqual([others, afterBurst.disconnects, afterBurst.missing.length], [{}, 0, overload]);
  assert.equal(afterBurst.found, BURST - overload);
  assert.equal(await of("rejected_total", {}), 0);

  const events = BURST / EVENT_EVERY;
  assert.deepEqual(
    [await of("received_total", { ingest: "lifecycle" }), await of("overload_total", { ingest: "lifecycle" })],
    [events, 0],
  );
  assert.equal(await of("stored_total", { stream: "EVENTS" }), events);

  const lost = balance.missing.length - afterBurst.missing.length;
  assert.deepEqual([lost, balance.disconnects], [0, 0], "the next interval lost something too");
  if (process.platform !== "linux") return;
  const grown = (await peakMemory(bridge.child.pid)) - memoryBefore;
  t.diagnostic(`memory rose by ${grown.toFixed(0)} MB at most`);
  assert.ok(grown < MOST_MEMORY_MB, `${grown} MB more`);
});
