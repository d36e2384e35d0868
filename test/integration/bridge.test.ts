import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, type TestContext, test } from "node:test";
import { headers as makeHeaders, type NatsConnection } from "nats";
import type { BridgeService } from "../../functions/bridge/run.ts";
import { nodeIdentity } from "../../functions/simulate/identity.ts";
import { trustSection } from "../../functions/simulate/trust.ts";
import { bridgeConfig, REGISTRATION_SUBJECT, resolveTestFiles, startTestBridge } from "../support/bridge.ts";
import { eventually } from "../support/eventually.ts";
import { startFleet } from "../support/fleet.ts";
import { startNats } from "../support/nats.ts";

/** One for all tests: making its authorities takes a second. */
const sharedFleet = startFleet({ after });

async function setup(t: TestContext, changes: Record<string, unknown> = {}) {
  const nats = await startNats(t);
  const [fleet, jsm, client] = await Promise.all([sharedFleet, nats.jsm(), nats.connect()]);
  const config = bridgeConfig(nats.url, fleet, changes);
  const start = () => startTestBridge(t, config);
  return { nats, fleet, jsm, client, config, start };
}

function counters(service: BridgeService, { ingest = "registration", stream = "JOBS" } = {}) {
  const { ingests, streams, quarantine } = service.bridge.counters;
  return { ingest: ingests.get(ingest)!, stream: streams.get(stream)!, quarantine };
}

async function readJson(client: NatsConnection, stream: string, seq: number) {
  const message = await (await client.jetstreamManager()).streams.getMessage(stream, { seq });
  const { header, subject } = message;
  return { header, subject, json: JSON.parse(Buffer.from(message.data).toString()) };
}

test("a proven registration is stored with go-choria's envelope, its facts in headers and its digest as id", async (t) => {
  const { fleet, client, start } = await setup(t);
  const service = await start();

  client.publish(REGISTRATION_SUBJECT, await fleet.registration(0, { payload: '{"a":1}', protocol: "v1" }));
  await eventually(() => assert.equal(counters(service).stream.stored, 1));

  const { json, header, subject } = await readJson(client, "JOBS", 1);
  assert.equal(subject, `jobs.${nodeIdentity(0)}`);
  assert.equal(json.protocol, "choria:adapters:choria_streams:output:1");
  assert.deepEqual([json.data, json.sender], ['{"a":1}', nodeIdentity(0)]);
  assert.equal(header.get("Choria-Sender"), nodeIdentity(0));
  assert.equal(header.get("Choria-Caller"), `choria=${nodeIdentity(0)}`);
  assert.deepEqual(
    ["Protocol", "Proof", "Sender-Proof", "Agent", "Collective"].map((name) => header.get(`Choria-${name}`)),
    ["v1", "signature", "signature", "registration", "mcollective"],
  );
  assert.match(header.get("Nats-Msg-Id"), /^[0-9a-f]{64}$/);
});

test("a refused message is counted by its code and kept in the quarantine, byte for byte", async (t) => {
  const { fleet, jsm, client, start } = await setup(t);
  const service = await start();
  const forged = await fleet.registration(0, { standing: "rogue", protocol: "v1" });

  client.publish(REGISTRATION_SUBJECT, forged);
  client.publish(REGISTRATION_SUBJECT, Buffer.from("no json"));
  await eventually(() => assert.equal(counters(service).quarantine.stored, 2));

  assert.deepEqual(counters(service).ingest.rejected, { untrusted_cert: 1, bad_json: 1 });
  const kept = await jsm.streams.getMessage("CHORIA_QUARANTINE", { seq: 1 });
  assert.deepEqual(Buffer.from(kept.data), forged);
  assert.equal(kept.header.get("Choria-Quarantine-Code"), "untrusted_cert");
  assert.equal(kept.header.get("Choria-Quarantine-Subject"), REGISTRATION_SUBJECT);
  assert.equal((await jsm.streams.info("JOBS")).state.messages, 0);
});

test("a flood of refused messages is counted in full and kept within its budget", async (t) => {
  const { client, start } = await setup(t, { quarantine: { perSecond: 5 } });
  const service = await start();

  for (let i = 0; i < 200; i += 1) client.publish(REGISTRATION_SUBJECT, Buffer.from(`rubbish ${i}`));
  await eventually(() => assert.equal(counters(service).ingest.rejected.bad_json, 200));

  await eventually(() => {
    const { stored, dropped } = counters(service).quarantine;
    assert.equal(stored + dropped, 200);
    assert.ok(stored <= 15, `${stored} were kept`);
  });
});

test("a stream that is full neither delays nor sheds for another one", async (t) => {
  const { fleet, client, start } = await setup(t, {
    ingest: {
      registration: {
        connection: "main",
        subject: REGISTRATION_SUBJECT,
        kind: "registration",
        to: ["FULL", "FREE"],
      },
    },
    streams: {
      FULL: { connection: "main", subject: "full.{sender}", maxMessages: 1, buffer: { maxMessages: 10 } },
      FREE: { connection: "main", subject: "free.{sender}" },
    },
  });
  const service = await start();

  for (let i = 0; i < 50; i += 1) client.publish(REGISTRATION_SUBJECT, await fleet.registration(i));

  await eventually(() => assert.equal(counters(service, { stream: "FREE" }).stream.stored, 50));
  const full = counters(service, { stream: "FULL" }).stream;
  await eventually(() => assert.ok((full.retries.full ?? 0) > 0, "not yet"));
  assert.equal(full.stored, 1);
  assert.equal(full.shed.buffer_full, 39);
});

test("a copy in another wrapping is the same message: it is stored once", async (t) => {
  const { fleet, client, start } = await setup(t);
  const service = await start();
  const genuine = await fleet.registration(0);
  const transport = JSON.parse(genuine.toString());
  const rewrapped = { ...transport, headers: { ...transport.headers, sender: "mallory", reply: "elsewhere" } };

  client.publish(REGISTRATION_SUBJECT, Buffer.from(JSON.stringify(rewrapped, null, 2)));
  client.publish(REGISTRATION_SUBJECT, genuine);

  await eventually(() => assert.equal(counters(service).stream.duplicate, 1));
  assert.equal(counters(service).stream.stored, 1);
});

test("a reply stripped of its signature cannot shadow the genuine one", async (t) => {
  const replies = { connection: "main", subject: "mcollective.reply.x", kind: "reply", proof: "hash", to: ["JOBS"] };
  const { nats, fleet, client } = await setup(t);
  const trust = trustSection(fleet.pki, "mcollective");
  const config = bridgeConfig(nats.url, fleet, {
    trust: { ...trust, v1: undefined, v2: { ...trust.v2, requireSignedReplies: false } },
    ingest: { replies },
    streams: { JOBS: { connection: "main", subject: "jobs.{sender}", allowUnprovenSender: true } },
  });
  const service = await startTestBridge(t, config);
  const genuine = await fleet.reply(0);
  const transport = JSON.parse(genuine.toString());
  const {
    signature: _signature,
    sender: _token,
    ...secure
  } = JSON.parse(Buffer.from(transport.data, "base64").toString());
  const stripped = { ...transport, data: Buffer.from(JSON.stringify(secure)).toString("base64") };

  client.publish("mcollective.reply.x", Buffer.from(JSON.stringify(stripped)));
  client.publish("mcollective.reply.x", genuine);

  await eventually(() => assert.equal(counters(service, { ingest: "replies" }).stream.stored, 2));
  const [first, second] = await Promise.all([readJson(client, "JOBS", 1), readJson(client, "JOBS", 2)]);
  assert.deepEqual([first.header.get("Choria-Proof"), second.header.get("Choria-Proof")], ["hash", "signature"]);
  assert.deepEqual(
    [first.header.get("Choria-Sender-Proof"), second.header.get("Choria-Sender-Proof")],
    ["none", "signature"],
  );
});

test("headers that arrive with a message never reach a publish", async (t) => {
  const { fleet, jsm, client, start } = await setup(t);
  const service = await start();
  const headers = makeHeaders();
  headers.set("Nats-Rollup", "all");
  headers.set("Nats-Expected-Stream", "ELSEWHERE");
  headers.set("Choria-Sender", "mallory");

  client.publish(REGISTRATION_SUBJECT, await fleet.registration(0), { headers });
  await eventually(() => assert.equal(counters(service).stream.stored, 1));

  const { header } = await jsm.streams.getMessage("JOBS", { seq: 1 });
  assert.equal(header.get("Nats-Rollup"), "");
  assert.deepEqual(header.values("Choria-Sender"), [nodeIdentity(0)]);
});

test("a sender's messages are stored in the order in which they arrived", async (t) => {
  const { fleet, client, start } = await setup(t);
  const service = await start();
  const messages = [];
  for (let i = 0; i < 300; i += 1) {
    messages.push(await fleet.registration(i % 3, { payload: `{"n":${i}}`, protocol: i % 2 === 0 ? "v1" : "v2" }));
  }

  for (const message of messages) client.publish(REGISTRATION_SUBJECT, message);
  await eventually(() => assert.equal(counters(service).stream.stored, 300));

  const last = new Map<string, number>();
  for (let seq = 1; seq <= 300; seq += 1) {
    const { json } = await readJson(client, "JOBS", seq);
    const { n } = JSON.parse(json.data);
    assert.ok(n > (last.get(json.sender) ?? -1), `${json.sender}: ${n} after ${last.get(json.sender)}`);
    last.set(json.sender, n);
  }
});

test("under overload the reader sheds by itself and counts it", async (t) => {
  const { fleet, client, start } = await setup(t, { bridge: { http: { port: 0 }, inFlight: 1 } });
  const service = await start();
  const message = await fleet.registration(0);

  for (let i = 0; i < 100; i += 1) client.publish(REGISTRATION_SUBJECT, message);
  await eventually(() => assert.equal(counters(service).ingest.received, 100));

  const { ingest } = counters(service);
  await eventually(() => assert.equal(ingest.overload + (ingest.validated["v2/signature"] ?? 0), 100));
  assert.ok(ingest.overload > 0);
});

test("headers count as what they take: messages of nothing else are shed too", async (t) => {
  const { client, start } = await setup(t, { bridge: { http: { port: 0 }, inFlightBytes: "8KiB" } });
  const service = await start();
  const large = makeHeaders();
  large.set("Filler", "x".repeat(6_000));

  for (let i = 0; i < 100; i += 1) client.publish(REGISTRATION_SUBJECT, "", { headers: large });
  await eventually(() => assert.equal(counters(service).ingest.received, 100));

  assert.ok(counters(service).ingest.overload > 0);
});

test("a message with more headers than any sender has is refused before they are read, and kept without them", async (t) => {
  const { fleet, client, start } = await setup(t);
  const service = await start();
  const many = makeHeaders();
  for (let name = 0; name < 20; name += 1) many.set(`Filler-${name}`, "x".repeat(500));

  client.publish(REGISTRATION_SUBJECT, await fleet.registration(0), { headers: many });

  await eventually(() => assert.deepEqual(counters(service).ingest.rejected, { too_large: 1 }));
  await eventually(() => assert.equal(service.bridge.counters.quarantine.stored, 1));
});

test("messages accepted while JetStream's server is away are stored once it is back", async (t) => {
  const broker = await startNats(t);
  const storage = await startNats(t);
  const fleet = await sharedFleet;
  const service = await startTestBridge(
    t,
    bridgeConfig(broker.url, fleet, {
      connections: { main: { servers: [broker.url] }, storage: { servers: [storage.url] } },
      streams: { JOBS: { connection: "storage", subject: "jobs.{sender}" } },
    }),
  );
  const client = await broker.connect();

  await storage.server.kill("SIGKILL");
  for (let i = 0; i < 40; i += 1) client.publish(REGISTRATION_SUBJECT, await fleet.registration(i));
  await eventually(() => assert.equal(counters(service).stream.accepted, 40));
  assert.equal(service.bridge.readiness().ready, false);
  await storage.server.restart();

  await eventually(() => assert.equal(counters(service).stream.stored, 40), { timeoutMs: 40_000 });
  assert.equal((await (await storage.jsm()).streams.info("JOBS")).state.messages, 40);
});

test("a lost ingest connection is counted with its duration, and receiving goes on", async (t) => {
  const { nats, fleet, client, start } = await setup(t);
  const service = await start();

  await nats.server.kill("SIGKILL");
  await nats.server.restart();
  const ingest = service.bridge.counters.connections.get("ingest main")!;
  await eventually(() => assert.ok(ingest.disconnects === 1 && ingest.disconnectedMs > 0, "not yet"), {
    timeoutMs: 40_000,
  });
  await client.flush();
  client.publish(REGISTRATION_SUBJECT, await fleet.registration(0));

  await eventually(() => assert.equal(counters(service).stream.stored, 1), { timeoutMs: 40_000 });
});

test("after a reload with new trust the next message of a credential that lost it is refused", async (t) => {
  const { fleet, client, config, start } = await setup(t);
  const service = await start();
  client.publish(REGISTRATION_SUBJECT, await fleet.registration(0));
  await eventually(() => assert.equal(counters(service).stream.stored, 1));

  const resolved = resolveTestFiles(config);
  const { v2 } = resolved.trust;
  assert.ok(v2 !== null);
  service.reload(() => ({ ...resolved.trust, v2: { ...v2, issuers: { choria: "ab".repeat(32) } } }), "SIGHUP");
  client.publish(REGISTRATION_SUBJECT, await fleet.registration(0));

  await eventually(() => assert.equal(counters(service).ingest.rejected.token_signature, 1));
});

test("what is too large to store is shed by code and quarantined truncated, with its digest", async (t) => {
  const { fleet, jsm, client, start } = await setup(t);
  const service = await start();
  // 0x00 is one byte on the wire and six in the envelope's JSON
  const payload = Buffer.alloc(300_000);

  client.publish(REGISTRATION_SUBJECT, await fleet.registration(0, { payload }));
  await eventually(() => assert.equal(counters(service).stream.shed.too_large_to_store, 1));
  await eventually(() => assert.equal(counters(service).quarantine.stored, 1));

  const kept = await jsm.streams.getMessage("CHORIA_QUARANTINE", { seq: 1 });
  assert.equal(kept.header.get("Choria-Quarantine-Code"), "too_large_to_store");
  assert.equal(kept.header.get("Choria-Quarantine-Ingest"), "registration");
  assert.match(kept.header.get("Choria-Quarantine-Detail"), /more than stream JOBS or the server takes$/);
  const headers = kept.header.values("Choria-Quarantine-Header");
  assert.ok(
    headers.some((line) => line.startsWith("Choria-Sender: ")),
    headers.join("\n"),
  );
  assert.ok(kept.data.length < Number(kept.header.get("Choria-Quarantine-Bytes")));
  assert.match(kept.header.get("Choria-Quarantine-Digest"), /^[0-9a-f]{64}$/);
});

test("with body: payload the bare payload is stored, whatever its bytes", async (t) => {
  const { fleet, jsm, client, start } = await setup(t, {
    streams: { JOBS: { connection: "main", subject: "jobs.{sender}", body: "payload" } },
  });
  const service = await start();
  const payload = Buffer.from(Array.from({ length: 256 }, (_, i) => i));

  client.publish(REGISTRATION_SUBJECT, await fleet.registration(0, { payload }));
  await eventually(() => assert.equal(counters(service).stream.stored, 1));

  const stored = Buffer.from((await jsm.streams.getMessage("JOBS", { seq: 1 })).data);
  assert.equal(createHash("sha256").update(stored).digest("hex"), createHash("sha256").update(payload).digest("hex"));
});

test("stopping stores what is in hand and reports nothing left", async (t) => {
  const { fleet, client, jsm, start } = await setup(t);
  const service = await start();
  const messages = await Promise.all(Array.from({ length: 100 }, (_, i) => fleet.registration(i)));

  for (const message of messages) client.publish(REGISTRATION_SUBJECT, message);
  await client.flush();
  await eventually(() => assert.ok(counters(service).ingest.received > 0, "not yet"));
  const { left } = await service.stop(5_000);

  assert.deepEqual(left, { JOBS: 0 });
  const { received } = counters(service).ingest;
  assert.equal((await jsm.streams.info("JOBS")).state.messages, received);
});

test("health, readiness and metrics are served", async (t) => {
  const { fleet, client, start } = await setup(t);
  const service = await start();
  client.publish(REGISTRATION_SUBJECT, await fleet.registration(0));
  await eventually(() => assert.equal(counters(service).stream.stored, 1));

  const get = async (path: string) => {
    const response = await fetch(`${service.telemetryUrl}${path}`);
    return { status: response.status, text: await response.text() };
  };

  assert.deepEqual(await get("/healthz"), { status: 200, text: "ok\n" });
  assert.deepEqual(await get("/readyz"), { status: 200, text: "ready\n" });
  const { text } = await get("/metrics");
  assert.match(text, /^choria_bridge_stored_total\{stream="JOBS"\} 1$/m);
  assert.match(text, /^choria_bridge_validated_total\{ingest="registration",protocol="v2",proof="signature"\} 1$/m);
});
