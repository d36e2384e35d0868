import assert from "node:assert/strict";
import { after, type TestContext, test } from "node:test";
import type { JetStreamManager, NatsConnection } from "nats";
import { pino } from "pino";
import { sourceConsumers } from "../../shared/config/resolve.ts";
import { ExpiredCount, lookAtSource } from "../../shared/jetstream/source-watch.ts";
import { ensureConsumer } from "../../shared/jetstream/topology.ts";
import { TopologyError, TopologyRefusedError } from "../../shared/jetstream/topology-error.ts";
import { bridgeConfig, REGISTRATION_SUBJECT, startTestBridge } from "../support/bridge.ts";
import { eventually } from "../support/eventually.ts";
import { FaultyProxy } from "../support/faults/proxy.ts";
import { startFleet, type TestFleet } from "../support/fleet.ts";
import { startNats } from "../support/nats.ts";
import {
  addSource,
  addSourceConsumer,
  SOURCE,
  sourceConsumer,
  sourceCounters,
  sourceIngest,
  startSkewedBridge,
} from "../support/source.ts";

/** One for all tests: making its authorities takes a second. */
const sharedFleet = startFleet({ after });

/** A server with the source stream, and one of its own for what the bridge stores, so that one can go while the other stays. */
async function setup(t: TestContext) {
  const [broker, storage] = await Promise.all([startNats(t), startNats(t)]);
  const [fleet, jsm, storageJsm, client] = await Promise.all([
    sharedFleet,
    broker.jsm(),
    storage.jsm(),
    broker.connect(),
  ]);
  await addSource(jsm);
  const sections = {
    connections: { main: { servers: [broker.url] }, storage: { servers: [storage.url] } },
    streams: { JOBS: { connection: "storage", subject: "jobs.{sender}" } },
    quarantine: { connection: "main" },
  };
  const configure = (changes: Record<string, unknown> = sourceIngest()) =>
    bridgeConfig(broker.url, fleet, { ...sections, ...changes });
  const logged: { readonly msg: string; readonly waiting?: number | null }[] = [];
  const log = pino({ level: "warn" }, { write: (line: string) => void logged.push(JSON.parse(line)) });
  const start = (changes?: Record<string, unknown>) => startTestBridge(t, configure(changes), log);
  return { broker, storage, fleet, jsm, storageJsm, client, sections, configure, start, logged };
}

/** Stores registrations of `count` nodes in the source, one each. */
async function publish(client: NatsConnection, fleet: TestFleet, count: number): Promise<void> {
  const js = client.jetstream();
  for (let node = 0; node < count; node += 1) await js.publish(REGISTRATION_SUBJECT, await fleet.registration(node));
}

async function publishText(client: NatsConnection, texts: readonly string[]): Promise<void> {
  const js = client.jetstream();
  await Promise.all(texts.map((text) => js.publish(REGISTRATION_SUBJECT, Buffer.from(text))));
}

test("what a stream kept while no bridge was there is stored, each message once, and acknowledged", async (t) => {
  const { fleet, jsm, storageJsm, client, start } = await setup(t);
  await publish(client, fleet, 50);

  const service = await start();

  await eventually(async () => {
    const { num_pending, num_ack_pending, ack_floor } = await sourceConsumer(jsm);
    assert.deepEqual([num_pending, num_ack_pending, ack_floor.stream_seq], [0, 0, 50]);
  });
  assert.equal((await storageJsm.streams.info("JOBS")).state.messages, 50);
  assert.equal(sourceCounters(service).ingest.validated["v2/signature"], 50);
});

test("a message is acknowledged only when every stream of its ingest has confirmed it", async (t) => {
  const { storage, fleet, jsm, client, sections, start } = await setup(t);
  const near = { connection: "main", subject: "near.{sender}" };
  const service = await start({
    ...sourceIngest({}, { to: ["NEAR", "JOBS"] }),
    streams: { ...sections.streams, NEAR: near },
  });
  await storage.server.kill("SIGKILL");

  await publish(client, fleet, 20);
  await eventually(() => assert.equal(sourceCounters(service, { stream: "NEAR" }).stream.stored, 20));
  assert.equal((await sourceConsumer(jsm)).num_ack_pending, 20);
  await storage.server.restart();

  await eventually(async () => assert.equal((await sourceConsumer(jsm)).ack_floor.stream_seq, 20));
  const { stream } = sourceCounters(service);
  assert.deepEqual([stream.stored, stream.duplicate, stream.shed], [20, 0, {}]);
});

test("a rejected message is acknowledged only when the quarantine has confirmed its copy", async (t) => {
  const { storage, jsm, storageJsm, client, start } = await setup(t);
  const service = await start({ ...sourceIngest(), quarantine: { connection: "storage" } });
  await storage.server.kill("SIGKILL");

  await publishText(client, ["no json", "nor this"]);
  await eventually(() => assert.equal(sourceCounters(service).ingest.rejected.bad_json, 2));
  assert.equal((await sourceConsumer(jsm)).num_ack_pending, 2);
  await storage.server.restart();

  await eventually(async () => assert.equal((await sourceConsumer(jsm)).ack_floor.stream_seq, 2));
  assert.equal((await storageJsm.streams.info("CHORIA_QUARANTINE")).state.messages, 2);
});

test("a quarantine that takes nothing stops the source, loses nothing, and the bridge is not ready and says so", async (t) => {
  const { fleet, jsm, client, start, logged } = await setup(t);
  const service = await start(sourceIngest({ inFlight: 5 }));
  await jsm.streams.delete("CHORIA_QUARANTINE");
  await publishText(
    client,
    Array.from({ length: 5 }, (_, index) => `rubbish ${index}`),
  );
  await eventually(() => assert.equal(sourceCounters(service).ingest.rejected.bad_json, 5));
  await publish(client, fleet, 3);

  await eventually(async () => {
    const response = await fetch(`${service.telemetryUrl}/readyz`);
    assert.equal(response.status, 503);
    assert.match(await response.text(), /stream CHORIA_QUARANTINE has taken nothing for 1\d s/);
  });
  const metrics = await (await fetch(`${service.telemetryUrl}/metrics`)).text();
  assert.match(metrics, /^choria_bridge_quarantine_suspended 1$/m);
  assert.match(metrics, /^choria_bridge_quarantine_waiting 5$/m);
  assert.ok(
    logged.some(({ msg }) => msg === "a publish was not stored; it is retried"),
    "nothing is logged",
  );
  await jsm.streams.add({ name: "CHORIA_QUARANTINE", subjects: ["CHORIA_QUARANTINE.>"] });

  await eventually(async () => assert.equal((await sourceConsumer(jsm)).ack_floor.stream_seq, 8));
  assert.deepEqual(sourceCounters(service).quarantine, { stored: 5, dropped: 0 });
  assert.equal(sourceCounters(service).stream.stored, 3);
  await eventually(async () => assert.equal((await fetch(`${service.telemetryUrl}/readyz`)).status, 200));
});

test("rejected messages beyond the quarantine's budget wait for it, and valid ones pass them", async (t) => {
  const { fleet, jsm, client, start } = await setup(t);
  await publishText(
    client,
    Array.from({ length: 24 }, (_, index) => `rubbish ${index}`),
  );
  await publish(client, fleet, 10);

  const service = await start({ ...sourceIngest(), quarantine: { connection: "main", perSecond: 3 } });

  await eventually(() => assert.equal(sourceCounters(service).stream.stored, 10));
  assert.ok(sourceCounters(service).quarantine.stored < 24, "nothing waited: the test shows nothing");
  await eventually(async () => assert.equal((await sourceConsumer(jsm)).ack_floor.stream_seq, 34));
  assert.deepEqual(sourceCounters(service).quarantine, { stored: 24, dropped: 0 });
});

test("age and credentials are judged by when the source stored a message, not by when the bridge comes to it", async (t) => {
  const { fleet, jsm, client } = await setup(t);
  const core = { connection: "main", subject: "copy", kind: "registration", to: ["JOBS"] };
  const config = bridgeConfig("nats://unused", fleet, {
    connections: { main: { servers: [client.getServer()].map((server) => `nats://${server}`) } },
    ingest: { ...(sourceIngest().ingest as object), core },
  });
  await publish(client, fleet, 10);

  const bridge = await startSkewedBridge(t, config, { jsm, aheadMs: 600_000 });
  client.publish("copy", await fleet.registration(11));

  await eventually(() => assert.equal(bridge.counters.streams.get("JOBS")?.stored, 10));
  await eventually(() => assert.deepEqual(bridge.counters.ingests.get("core")?.rejected, { ttl_expired: 1 }));
  assert.deepEqual(bridge.counters.ingests.get("registration")?.rejected, {});
});

test("a source is asked for no more than inFlight, and nothing is shed while its streams are away", async (t) => {
  const { storage, fleet, jsm, storageJsm, client, sections, start } = await setup(t);
  const JOBS = { ...sections.streams.JOBS, buffer: { maxMessages: 5, maxAge: "1s" } };
  const service = await start({ ...sourceIngest({ inFlight: 16 }), streams: { JOBS } });
  await storage.server.kill("SIGKILL");

  await publish(client, fleet, 60);
  await eventually(() => assert.equal(sourceCounters(service).source.held, 16));
  assert.equal((await sourceConsumer(jsm)).num_pending, 44);
  await storage.server.restart();

  await eventually(async () => assert.equal((await sourceConsumer(jsm)).ack_floor.stream_seq, 60));
  const { stream, ingest } = sourceCounters(service);
  assert.deepEqual([stream.shed, stream.duplicate, ingest.overload], [{}, 0, 0]);
  assert.equal((await storageJsm.streams.info("JOBS")).state.messages, 60);
});

test("a source is asked for no more bytes than its part of inFlightBytes, also when larger messages come after small ones", async (t) => {
  const { storage, jsm, client, sections, start } = await setup(t);
  const ingest = sourceIngest({}, { kind: "raw", proof: "none" });
  const streams = { JOBS: { ...sections.streams.JOBS, subject: "jobs.raw" } };
  const service = await start({ ...ingest, streams, bridge: { http: { port: 0 }, inFlightBytes: "256KiB" } });
  await publishText(client, new Array(500).fill("21.5"));
  await eventually(() => assert.equal(sourceCounters(service).stream.stored, 500));
  await storage.server.kill("SIGKILL");

  await publishText(client, new Array(40).fill("x".repeat(20_000)));

  await eventually(async () => {
    const { num_ack_pending, num_waiting } = await sourceConsumer(jsm);
    assert.ok(num_waiting === 0 && num_ack_pending >= 11, `${num_ack_pending} taken, ${num_waiting} pulls open`);
    assert.ok(num_ack_pending <= 13, `${num_ack_pending} of 20 kB taken`);
  });
  await storage.server.restart();
  await eventually(() => assert.equal(sourceCounters(service).stream.stored, 540));
});

test("a message that is larger than all of inFlightBytes is taken by itself", async (t) => {
  const { client, sections, start } = await setup(t);
  const ingest = sourceIngest({}, { kind: "raw", proof: "none" });
  const streams = { JOBS: { ...sections.streams.JOBS, subject: "jobs.raw" } };
  const service = await start({ ...ingest, streams, bridge: { http: { port: 0 }, inFlightBytes: "16KiB" } });

  await publishText(client, ["21.5", "x".repeat(20_000), "y".repeat(20_000), "21.5"]);

  await eventually(() => assert.equal(sourceCounters(service).stream.stored, 4));
});

test("a bridge that holds all it may hold takes nothing from the other bridges of its durable", async (t) => {
  const { storage, fleet, jsm, client, sections, start } = await setup(t);
  const source = { inFlight: 8, ackWait: "10m" };
  const stuck = await start(sourceIngest(source));
  await storage.server.kill("SIGKILL");
  await publish(client, fleet, 8);
  await eventually(() => assert.equal(sourceCounters(stuck).source.held, 8));
  const streams = { ...sections.streams, NEAR: { connection: "main", subject: "near.{sender}" } };
  const other = await start({ ...sourceIngest(source, { to: ["NEAR"] }), streams });

  await publish(client, fleet, 40);

  await eventually(() => assert.equal(sourceCounters(other, { stream: "NEAR" }).stream.stored, 40));
  const { num_ack_pending, config } = await sourceConsumer(jsm);
  assert.deepEqual([num_ack_pending, config.max_ack_pending, sourceCounters(stuck).source.held], [8, 32, 8]);
});

test("a consumer made for one bridge is refused until it is changed, which needs no new one", async (t) => {
  const { broker, jsm, start, configure } = await setup(t);
  const [source] = sourceConsumers(configure());
  const spec = source?.spec ?? assert.fail("no consumer");
  await ensureConsumer(jsm, { ...spec, maxAckPending: 1_000 }, { apply: false });

  const refused = await start().catch((error: unknown) => error);
  const applied = await ensureConsumer(await broker.jsm(), spec, { apply: true });

  assert.ok(refused instanceof TopologyError, String(refused));
  assert.deepEqual(refused.differences, [
    { setting: "max_ack_pending", configured: "4000", actual: "1000", isChangeable: true },
  ]);
  assert.equal(applied, "updated");
  await start();
});

test("what a source has in a full buffer costs no other ingest of the stream a message", async (t) => {
  const { storage, fleet, client, sections, start } = await setup(t);
  const core = { connection: "main", subject: "copy", kind: "registration", to: ["JOBS"] };
  const JOBS = { ...sections.streams.JOBS, buffer: { maxMessages: 5 } };
  const service = await start({ ingest: { ...(sourceIngest().ingest as object), core }, streams: { JOBS } });
  await storage.server.kill("SIGKILL");
  await publish(client, fleet, 20);
  await eventually(() => assert.ok(service.bridge.lanes.get("JOBS")?.isFull, "not full yet"));

  for (let node = 20; node < 25; node += 1) client.publish("copy", await fleet.registration(node));
  await eventually(() => assert.equal(sourceCounters(service, { ingest: "core" }).ingest.received, 5));
  await storage.server.restart();

  await eventually(() => assert.equal(sourceCounters(service).stream.stored, 25));
  assert.deepEqual(sourceCounters(service).stream.shed, {});
});

test("a hand that is full makes the source wait, not shed", async (t) => {
  const { fleet, client, start } = await setup(t);
  await publish(client, fleet, 40);

  const service = await start({ ...sourceIngest(), bridge: { http: { port: 0 }, inFlight: 1 } });

  await eventually(() => assert.equal(sourceCounters(service).stream.stored, 40));
  assert.deepEqual([sourceCounters(service).ingest.overload, sourceCounters(service).source.returned], [0, 0]);
});

test("a sender's messages are stored in the order in which the source has them", async (t) => {
  const { fleet, storageJsm, client, start } = await setup(t);
  for (let n = 0; n < 120; n += 1) {
    const message = await fleet.registration(n % 3, { payload: `{"n":${n}}`, protocol: n % 2 === 0 ? "v1" : "v2" });
    await client.jetstream().publish(REGISTRATION_SUBJECT, message);
  }

  const service = await start();
  await eventually(() => assert.equal(sourceCounters(service).stream.stored, 120));

  const last = new Map<string, number>();
  for (let seq = 1; seq <= 120; seq += 1) {
    const { sender, data } = JSON.parse(
      Buffer.from((await storageJsm.streams.getMessage("JOBS", { seq })).data).toString(),
    );
    const { n } = JSON.parse(data);
    assert.ok(n > (last.get(sender) ?? -1), `${sender}: ${n} after ${last.get(sender)}`);
    last.set(sender, n);
  }
});

test("leases are kept for as long as a stream is away: nothing is handed over twice", async (t) => {
  const { storage, fleet, jsm, client, start } = await setup(t);
  // A lease is renewed well before it ends, but a busy machine may stop this process for longer than that of a short one.
  const service = await start(sourceIngest({ ackWait: "4s" }));
  await storage.server.kill("SIGKILL");
  await publish(client, fleet, 10);
  await eventually(() => assert.equal(sourceCounters(service).source.held, 10));

  const awaySince = performance.now();
  await eventually(() => assert.ok(performance.now() - awaySince > 6_000, "not away for longer than a lease yet"));
  const { num_redelivered, num_ack_pending } = await sourceConsumer(jsm);
  await storage.server.restart();

  await eventually(async () => assert.equal((await sourceConsumer(jsm)).ack_floor.stream_seq, 10));
  assert.deepEqual([num_redelivered, num_ack_pending], [0, 10]);
});

for (const { when, storedDuringCut } of [
  { when: "still in hand", storedDuringCut: false },
  { when: "stored, and their acks were lost", storedDuringCut: true },
]) {
  test(`messages handed over again after the link was cut while they are ${when} are stored once`, async (t) => {
    const { broker, fleet, jsm, storageJsm, client, sections, start } = await setup(t);
    const proxy = await FaultyProxy.start(t, broker.server.port);
    const service = await start({
      ...sourceIngest({ ackWait: "1s" }, { connection: "cut" }),
      connections: { ...sections.connections, cut: { servers: [proxy.url] } },
      streams: { JOBS: { ...sections.streams.JOBS, maxMessages: 5 } },
    });
    await publish(client, fleet, 12);
    await eventually(async () => assert.equal((await sourceConsumer(jsm)).ack_floor.stream_seq, 5));
    await eventually(() => assert.equal(sourceCounters(service).source.held, 7));
    const makeRoom = () => storageJsm.streams.purge("JOBS");

    proxy.cut();
    await eventually(() => assert.equal(service.bridge.readiness().ready, false));
    if (storedDuringCut) await makeRoom();
    const cutSince = performance.now();
    await eventually(() => assert.ok(performance.now() - cutSince > 1_500, "leases may last still"));
    if (storedDuringCut) await eventually(() => assert.equal(sourceCounters(service).stream.stored, 10));
    if (storedDuringCut) await makeRoom();
    proxy.mend();
    await eventually(() => assert.ok(sourceCounters(service).source.redelivered >= 7, "not all came again yet"));
    if (!storedDuringCut) await makeRoom();
    await eventually(() => assert.ok(sourceCounters(service).stream.stored >= 10, "not stored yet"));
    await makeRoom();

    await eventually(async () => assert.equal((await sourceConsumer(jsm)).ack_floor.stream_seq, 12));
    const { stream, ingest } = sourceCounters(service);
    assert.deepEqual([stream.stored, stream.duplicate, ingest.received], [12, 0, 12]);
  });
}

test("a stop gives back what cannot be stored, and another bridge gets it at once", async (t) => {
  const { storage, fleet, jsm, client, start } = await setup(t);
  const service = await start(sourceIngest({ ackWait: "10m" }));
  await storage.server.kill("SIGKILL");
  await publish(client, fleet, 15);
  await eventually(() => assert.equal(sourceCounters(service).source.held, 15));

  const { left, validating } = await service.stop(1_000);
  await storage.server.restart();
  const next = await start(sourceIngest({ ackWait: "10m" }));

  await eventually(() => assert.equal(sourceCounters(next).stream.stored, 15));
  await eventually(async () => assert.equal((await sourceConsumer(jsm)).ack_floor.stream_seq, 15));
  const { stream, source } = sourceCounters(service);
  assert.deepEqual([left, validating, stream.shed, source.returned], [{ JOBS: 0 }, 0, { returned: 15 }, 15]);
});

test("a message that no stream takes is settled with its copy in the quarantine", async (t) => {
  const small = await startNats(t, { config: "max_payload: 8192" });
  const { fleet, jsm, client, sections, start } = await setup(t);
  const service = await start({
    ...sourceIngest(),
    connections: { ...sections.connections, small: { servers: [small.url] } },
    streams: { JOBS: { connection: "small", subject: "jobs.{sender}" } },
  });

  const payload = JSON.stringify({ text: "x".repeat(20_000) });
  await client.jetstream().publish(REGISTRATION_SUBJECT, await fleet.registration(0, { payload }));

  await eventually(async () => assert.equal((await sourceConsumer(jsm)).ack_floor.stream_seq, 1));
  const { stream, quarantine } = sourceCounters(service);
  assert.deepEqual([stream.shed, quarantine], [{ too_large_to_store: 1 }, { stored: 1, dropped: 0 }]);
});

test("what the source let go of before the bridge came is counted", async (t) => {
  const { fleet, jsm, client, start } = await setup(t);
  await addSourceConsumer(jsm);
  await publish(client, fleet, 30);
  await jsm.streams.update(SOURCE.stream, { max_msgs: 12 });

  const service = await start();

  await eventually(() => assert.equal(sourceCounters(service).stream.stored, 12));
  assert.equal(sourceCounters(service).source.expired, 18);
});

test("what the source lets go of while the bridge is behind is counted", async (t) => {
  const { storage, fleet, jsm, client, start } = await setup(t);
  const service = await start(sourceIngest({ inFlight: 8 }));
  await publish(client, fleet, 8);
  await eventually(async () => assert.equal((await sourceConsumer(jsm)).ack_floor.stream_seq, 8));
  await storage.server.kill("SIGKILL");
  await publish(client, fleet, 40);
  await eventually(() => assert.equal(sourceCounters(service).source.held, 8));

  await jsm.streams.update(SOURCE.stream, { max_msgs: 10 });
  await storage.server.restart();

  await eventually(() => assert.equal(sourceCounters(service).stream.stored, 26));
  await eventually(() => assert.equal(sourceCounters(service).source.expired, 22));
  await eventually(() => assert.equal(sourceCounters(service).source.pending, 0));
});

test("a consumer that is made anew counts nothing as let go of that was handed over before, and the log says so", async (t) => {
  const { fleet, jsm, client, start, logged } = await setup(t);
  const service = await start();
  await publish(client, fleet, 30);
  await eventually(() => assert.equal(sourceCounters(service).stream.stored, 30));
  await jsm.streams.update(SOURCE.stream, { max_msgs: 12 });

  await jsm.consumers.delete(SOURCE.stream, SOURCE.durable);
  await addSourceConsumer(jsm);

  await eventually(() => assert.match(logged.at(-1)?.msg ?? "", /^the consumer was deleted and made again/));
  await publish(client, fleet, 5);
  await eventually(async () => assert.equal((await sourceConsumer(jsm)).ack_floor.stream_seq, 35));
  await eventually(() => assert.equal(sourceCounters(service).source.pending, 0));
  assert.equal(sourceCounters(service).source.expired, 0);
});

test("what came and went while there was no consumer is counted once there is one again", async (t) => {
  const { fleet, jsm, client, start } = await setup(t);
  await jsm.streams.update(SOURCE.stream, { max_msgs: 12 });
  const service = await start();
  await publish(client, fleet, 10);
  await eventually(() => assert.equal(sourceCounters(service).stream.stored, 10));
  await jsm.consumers.delete(SOURCE.stream, SOURCE.durable);
  await eventually(() => assert.equal(sourceCounters(service).source.pending, null));

  await publish(client, fleet, 30);
  await addSourceConsumer(jsm);

  await eventually(() => assert.equal(sourceCounters(service).source.expired, 18));
  await eventually(async () => assert.equal((await sourceConsumer(jsm)).ack_floor.stream_seq, 40));
});

test("a stream that is made anew is said to be so, with what was waiting in it, and what it lets go of is counted", async (t) => {
  const { storage, fleet, jsm, storageJsm, client, start, logged } = await setup(t);
  const service = await start(sourceIngest({ inFlight: 8 }));
  await storage.server.kill("SIGKILL");
  await publish(client, fleet, 20);
  await eventually(() => assert.equal(sourceCounters(service).source.pending, 12));

  await jsm.streams.delete(SOURCE.stream);
  await addSource(jsm, { max_msgs: 5 });
  for (let seq = 1; seq <= 9; seq += 1) {
    await client
      .jetstream()
      .publish(REGISTRATION_SUBJECT, await fleet.registration(seq, { payload: `{"anew":${seq}}` }));
  }
  await addSourceConsumer(jsm, { inFlight: 8 });
  await storage.server.restart();

  const { msg, waiting } = await eventually(() => logged.find(({ msg }) => /made again/.test(msg)) ?? assert.fail());
  assert.match(msg, /^the stream was deleted and made again/);
  assert.equal(waiting, 12);
  await eventually(async () => assert.deepEqual(await storedAnew(storageJsm), [5, 6, 7, 8, 9]));
  await eventually(async () => assert.equal((await sourceConsumer(jsm)).ack_floor.stream_seq, 9));
  await eventually(() => assert.equal(sourceCounters(service).source.expired, 4));
});

/** The numbers in the payloads `{"anew":n}` that JOBS has. */
async function storedAnew(storageJsm: JetStreamManager): Promise<readonly number[]> {
  const { last_seq } = (await storageJsm.streams.info("JOBS")).state;
  const numbers: number[] = [];
  for (let seq = 1; seq <= last_seq; seq += 1) {
    const stored = Buffer.from((await storageJsm.streams.getMessage("JOBS", { seq })).data).toString();
    const { anew } = JSON.parse(JSON.parse(stored).data);
    if (anew !== undefined) numbers.push(anew);
  }
  return numbers;
}

/** A bridge has 8 messages in hand when their stream is made again, and another process takes the 8 of the new one. */
async function makeAnewUnderHand(
  t: TestContext,
  { source = {}, isCut = false }: { readonly source?: Record<string, unknown>; readonly isCut?: boolean } = {},
) {
  const { broker, storage, fleet, jsm, client, sections, start, logged } = await setup(t);
  const proxy = await FaultyProxy.start(t, broker.server.port);
  const service = await start({
    ...sourceIngest({ inFlight: 8, ...source }, { connection: "cut" }),
    connections: { ...sections.connections, cut: { servers: [proxy.url] } },
  });
  await storage.server.kill("SIGKILL");
  await publish(client, fleet, 8);
  await eventually(() => assert.equal(sourceCounters(service).source.held, 8));
  const heldAt = performance.now();
  if (isCut) proxy.cut();
  if (isCut) await eventually(() => assert.match(service.bridge.readiness().reasons.join(), / cut is down/));

  await jsm.streams.delete(SOURCE.stream);
  await addSource(jsm);
  await addSourceConsumer(jsm, { inFlight: 8 });
  await publish(client, fleet, 8);
  const taken = await (await client.jetstream().consumers.get(SOURCE.stream, SOURCE.durable)).fetch({
    max_messages: 8,
  });
  for await (const { seq } of taken) if (seq === 8) break;

  const said: string[] = [];
  client.subscribe(`$JS.ACK.${SOURCE.stream}.>`, { callback: (_error, message) => void said.push(message.string()) });
  await client.flush();
  const isNoticed = () =>
    eventually(() =>
      assert.ok(
        logged.some(({ msg }) => /^the stream was deleted and made/.test(msg)),
        "not noticed yet",
      ),
    );
  const isStored = async () => {
    await eventually(() => assert.ok(performance.now() - heldAt > 1_100, "so soon no look is needed"));
    await storage.server.restart();
    await eventually(() => assert.equal(sourceCounters(service).stream.stored, 8));
  };
  return { service, jsm, proxy, said, isNoticed, isStored };
}

for (const { when, isLate } of [
  { when: "before the bridge has noticed", isLate: false },
  { when: "once the bridge has noticed", isLate: true },
]) {
  test(`what was taken of a stream that was made anew, and is stored ${when}, acknowledges nothing of the new one`, async (t) => {
    const { service, jsm, said, isNoticed, isStored } = await makeAnewUnderHand(t);
    if (isLate) await isNoticed();

    await isStored();

    await eventually(() => assert.equal(sourceCounters(service).source.held, 0));
    assert.deepEqual(said, []);
    const { num_ack_pending, ack_floor } = await sourceConsumer(jsm);
    assert.deepEqual([num_ack_pending, ack_floor.stream_seq], [8, 0]);
  });
}

test("what was stored while the link was cut acknowledges nothing of a stream that was made anew meanwhile", async (t) => {
  const { service, jsm, proxy, said, isStored, isNoticed } = await makeAnewUnderHand(t, { isCut: true });
  await isStored();

  proxy.mend();

  await isNoticed();
  await eventually(() => assert.equal(sourceCounters(service).source.held, 0));
  assert.deepEqual(said, []);
  assert.equal((await sourceConsumer(jsm)).num_ack_pending, 8);
});

test("what was taken of a stream that was made anew is neither renewed nor given back to the new one", async (t) => {
  const { service, said, isNoticed } = await makeAnewUnderHand(t, { source: { ackWait: "3s" } });
  await isNoticed();
  said.length = 0;

  const noticedAt = performance.now();
  await eventually(() => assert.ok(performance.now() - noticedAt > 1_500, "no renewal was due yet"));
  await service.stop(1_000);

  assert.deepEqual(said, []);
  assert.equal(sourceCounters(service).source.returned, 8);
});

test("messages that a consumer made anew hands over again while they are in hand are stored and acknowledged once", async (t) => {
  const { storage, fleet, jsm, client, start, logged } = await setup(t);
  const service = await start();
  await storage.server.kill("SIGKILL");
  await publish(client, fleet, 8);
  await eventually(() => assert.equal(sourceCounters(service).source.held, 8));

  await jsm.consumers.delete(SOURCE.stream, SOURCE.durable);
  await addSourceConsumer(jsm, { ackWaitMs: 2_000 });
  await eventually(() => assert.match(logged.at(-1)?.msg ?? "", /^the consumer was deleted and made again/));
  await eventually(() => assert.ok(sourceCounters(service).source.redelivered >= 8, "not all came again yet"));
  await storage.server.restart();

  await eventually(async () => assert.equal((await sourceConsumer(jsm)).ack_floor.stream_seq, 8));
  const { stream, ingest } = sourceCounters(service);
  assert.deepEqual([stream.stored, stream.duplicate, ingest.received], [8, 0, 8]);
});

test("a look at a source costs two requests, and none that asks whether there is JetStream", async (t) => {
  const { client, start } = await setup(t);
  await start();
  const asked: string[] = [];
  client.subscribe("$JS.API.>", { callback: (_error, { subject }) => void asked.push(subject) });
  await client.flush();

  await eventually(() =>
    assert.ok(asked.includes(`$JS.API.CONSUMER.INFO.${SOURCE.stream}.${SOURCE.durable}`), "no look yet"),
  );

  assert.ok(!asked.includes("$JS.API.INFO"), asked.join());
});

test("a stream that is made anew while it is looked at is said to be a new stream, not a new consumer", async (t) => {
  const { jsm, start } = await setup(t);
  await start();
  const before = await lookAtSource(jsm, SOURCE, null);
  const remake = async () => {
    await jsm.streams.delete(SOURCE.stream);
    await addSource(jsm);
    await addSourceConsumer(jsm);
  };
  let looks = 0;
  const info = async (name: string) => {
    const seen = await jsm.streams.info(name);
    looks += 1;
    if (looks === 1) await remake();
    return seen;
  };

  const look = await lookAtSource({ streams: { info }, consumers: jsm.consumers }, SOURCE, before);

  const said = new ExpiredCount(before, () => true).look(look, { before: 0, after: 0 });
  assert.equal(said, "stream");
});

test("where the source holds other subjects too, nobody can tell what it let go of, and no number is given", async (t) => {
  const { jsm, client, start } = await setup(t);
  await jsm.streams.update(SOURCE.stream, { subjects: [REGISTRATION_SUBJECT, "something.else"] });
  await client.jetstream().publish("something.else", Buffer.from("no json"));

  const service = await start();

  assert.equal(sourceCounters(service).source.expired, null);
  const metrics = await (await fetch(`${service.telemetryUrl}/metrics`)).text();
  assert.doesNotMatch(metrics, /^choria_bridge_source_expired_total\{/m);
  assert.match(metrics, /^choria_bridge_source_pending\{ingest="registration"\} 0$/m);
});

test("while its consumer or its stream is gone a bridge is not ready and says why, and goes on once they are back", async (t) => {
  const { fleet, jsm, client, start } = await setup(t);
  const service = await start();
  const isReady = () => assert.deepEqual(service.bridge.readiness(), { ready: true, reasons: [] });
  const saysWhy = () =>
    assert.match(
      service.bridge.readiness().reasons.join(),
      /ingest registration: nothing comes from stream REGISTRATIONS, consumer choria-bridge: /,
    );
  isReady();

  await jsm.consumers.delete(SOURCE.stream, SOURCE.durable);
  await eventually(saysWhy);
  await addSourceConsumer(jsm);
  await publish(client, fleet, 5);
  await eventually(() => assert.equal(sourceCounters(service).stream.stored, 5));
  await eventually(isReady);

  await jsm.streams.delete(SOURCE.stream);
  await eventually(saysWhy);
  await addSource(jsm);
  await addSourceConsumer(jsm);
  await publish(client, fleet, 6);
  await eventually(() => assert.equal(sourceCounters(service).stream.stored, 11));
  await eventually(isReady);
});

test("a consumer with other settings is refused, each of them named, and so is a stream that is not there", async (t) => {
  const { jsm, start } = await setup(t);
  await addSourceConsumer(jsm, { ackWaitMs: 5_000 });

  const differs = await start().catch((error: unknown) => error);
  const missing = await start(sourceIngest({ stream: "NOWHERE" })).catch((error: unknown) => error);

  assert.ok(differs instanceof TopologyError, String(differs));
  assert.deepEqual(
    differs.differences.map(({ setting }) => setting),
    ["ack_wait"],
  );
  assert.ok(missing instanceof TopologyRefusedError, String(missing));
  assert.match(missing.message, /consumer "choria-bridge" of stream "NOWHERE": stream not found/);
});

test("an unsigned message of a source has one id however often it is handed over", async (t) => {
  const { storageJsm, client, sections, start } = await setup(t);
  const raw = { kind: "raw", proof: "none" };
  const JOBS = { ...sections.streams.JOBS, subject: "jobs.raw" };
  await publishText(client, ["21.5", "21.5"]);

  const service = await start({ ...sourceIngest({}, raw), streams: { JOBS } });
  await eventually(() => assert.equal(sourceCounters(service).stream.stored, 2));
  await service.stop(2_000);
  const again = await start({ ...sourceIngest({ durable: "again" }, raw), streams: { JOBS } });

  await eventually(() => assert.equal(sourceCounters(again).stream.duplicate, 2));
  assert.equal((await storageJsm.streams.info("JOBS")).state.messages, 2);
});
