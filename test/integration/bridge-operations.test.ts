import assert from "node:assert/strict";
import { after, type TestContext, test } from "node:test";
import { headers as makeHeaders } from "nats";
import { pino } from "pino";
import { Bridge } from "../../functions/bridge/bridge.ts";
import { type BridgeService, runBridge } from "../../functions/bridge/run.ts";
import { createTrust } from "../../shared/choria/trust.ts";
import { openNamed } from "../../shared/jetstream/connect.ts";
import { bridgeConfig, REGISTRATION_SUBJECT, resolveTestFiles, startTestBridge } from "../support/bridge.ts";
import { eventually } from "../support/eventually.ts";
import { startFleet } from "../support/fleet.ts";
import { startNats } from "../support/nats.ts";
import { registerSdk } from "../support/spans.ts";

const sharedFleet = startFleet({ after });

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const TRACEPARENT = `00-${TRACE}-b7ad6b7169203331-01`;

async function setup(t: TestContext, changes: Record<string, unknown> = {}) {
  const nats = await startNats(t);
  const [fleet, jsm, client] = await Promise.all([sharedFleet, nats.jsm(), nats.connect()]);
  const config = bridgeConfig(nats.url, fleet, changes);
  return { nats, fleet, jsm, client, config };
}

const stored = ({ bridge }: Pick<BridgeService, "bridge">) => bridge.counters.streams.get("JOBS")!.stored;
const metricsOf = async ({ telemetryUrl }: BridgeService) => (await fetch(`${telemetryUrl}/metrics`)).text();

test("how long verdicts take, how far clocks are off and what the caches do is in /metrics", async (t) => {
  const { fleet, client, config } = await setup(t);
  const service = await startTestBridge(t, config);

  client.publish(REGISTRATION_SUBJECT, await fleet.registration(0));
  await eventually(() => assert.equal(stored(service), 1)); // its token is proven from here on
  const timeNs = BigInt(Date.now() + 7_000) * 1_000_000n;
  for (let sent = 1; sent < 33; sent += 1) {
    client.publish(REGISTRATION_SUBJECT, await fleet.registration(0, sent === 16 ? { timeNs } : {}));
  }
  await eventually(() => assert.equal(stored(service), 33));

  const text = await metricsOf(service);
  for (const line of [
    'choria_bridge_verify_seconds_count{ingest="registration"} 3', // the 1st, the 17th and the 33rd
    'choria_bridge_sender_clock_skew_seconds_count{ingest="registration"} 3',
    'choria_bridge_sender_clock_skew_seconds_bucket{le="5",ingest="registration"} 2',
    'choria_bridge_sender_clock_skew_seconds_bucket{le="10",ingest="registration"} 3',
    'choria_bridge_credential_cache_misses_total{protocol="v2"} 1',
    'choria_bridge_credential_cache_hits_total{protocol="v2"} 32',
    'choria_bridge_credential_cache_entries{protocol="v2"} 1',
  ]) {
    assert.ok(text.includes(`${line}\n`), `${line} in ${text.match(/.*(?:verify|skew|cache).*/g)?.join("\n")}`);
  }
});

test("an outage of a connection counts while it lasts", async (t) => {
  const { nats, config } = await setup(t);
  const service = await startTestBridge(t, config);

  await nats.server.kill("SIGKILL");

  const seconds = async () =>
    Number(/disconnected_seconds_total\{connection="ingest main"\} (\S+)/.exec(await metricsOf(service))?.[1]);
  await eventually(async () => assert.ok((await seconds()) > 0.5));
});

test("a full buffer in front of a full stream ends readiness, and room in the stream brings it back", async (t) => {
  const stream = { connection: "main", subject: "jobs.{sender}", maxMessages: 1, buffer: { maxMessages: 1 } };
  const { fleet, client, jsm, config } = await setup(t, { streams: { JOBS: stream } });
  const service = await startTestBridge(t, config);
  const readiness = () => service.bridge.readiness();
  assert.deepEqual(readiness(), { ready: true, reasons: [] });

  client.publish(REGISTRATION_SUBJECT, await fleet.registration(0));
  await eventually(() => assert.equal(stored(service), 1));
  client.publish(REGISTRATION_SUBJECT, await fleet.registration(1));
  await eventually(() => {
    assert.deepEqual(readiness(), {
      ready: false,
      reasons: ["stream JOBS takes nothing and its buffer is full"],
    });
  });
  await jsm.streams.purge("JOBS");

  await eventually(() => assert.deepEqual(readiness(), { ready: true, reasons: [] }));
});

test("a stream that takes nothing for ten seconds ends readiness, and the first PubAck brings it back", async (t) => {
  const { fleet, client, jsm, config } = await setup(t);
  await startTestBridge(t, config).then((service) => service.stop(1_000)); // makes the streams
  let aheadMs = 0;
  const resolved = resolveTestFiles(config);
  const bridge = await Bridge.start(config, {
    connect: (name, label) => openNamed(resolved.connections, name, label),
    trust: createTrust(resolved.trust),
    wallClock: Date.now,
    clock: { now: () => performance.now() + aheadMs, random: Math.random },
    log: pino({ level: "silent" }),
    instance: "ahead",
  });
  t.after(() => bridge.stop(200));
  const { config: wanted } = await jsm.streams.info("JOBS");
  await jsm.streams.delete("JOBS");

  client.publish(REGISTRATION_SUBJECT, await fleet.registration(0));
  await eventually(() => assert.ok((bridge.lanes.get("JOBS")?.failingForMs ?? 0) > 0));
  assert.equal(bridge.readiness().ready, true);
  aheadMs = 11_000;
  assert.match(bridge.readiness().reasons.join(), /^stream JOBS has taken nothing for 1\d s$/);
  await jsm.streams.add(wanted);

  await eventually(() => assert.equal(stored({ bridge }), 1), { timeoutMs: 20_000 });
  assert.deepEqual(bridge.readiness(), { ready: true, reasons: [] });
});

test("with bridge.spans a stored message has a span that continues its trace and is carried on", async (t) => {
  const sdk = registerSdk(t);
  const { fleet, client, jsm, config } = await setup(t, { bridge: { http: { port: 0 }, spans: true } });
  const service = await startTestBridge(t, config);

  const headers = makeHeaders();
  headers.set("traceparent", TRACEPARENT);
  client.publish(REGISTRATION_SUBJECT, await fleet.registration(0), { headers });
  await eventually(() => assert.equal(stored(service), 1));
  await eventually(() => assert.equal(sdk.named("store JOBS").length, 1));

  const [span] = sdk.named("store JOBS");
  assert.equal(span?.spanContext().traceId, TRACE);
  assert.equal(span?.parentSpanContext?.spanId, "b7ad6b7169203331");
  assert.equal(span?.attributes["choria.proof"], "signature");
  assert.equal(span?.attributes["publish.duplicate"], false);
  const { header } = await jsm.streams.getMessage("JOBS", { seq: 1 });
  assert.equal(header.get("traceparent"), `00-${TRACE}-${span?.spanContext().spanId}-01`);
});

test("the span of a message that is shed ends with the reason", async (t) => {
  const sdk = registerSdk(t);
  const stream = { connection: "main", subject: "jobs.{sender}", maxMessages: 1, buffer: { maxMessages: 1 } };
  const changes = { streams: { JOBS: stream }, bridge: { http: { port: 0 }, spans: true } };
  const { fleet, client, config } = await setup(t, changes);
  const service = await startTestBridge(t, config);

  client.publish(REGISTRATION_SUBJECT, await fleet.registration(0));
  await eventually(() => assert.equal(stored(service), 1));
  client.publish(REGISTRATION_SUBJECT, await fleet.registration(1));
  await eventually(() => assert.equal(service.bridge.readiness().ready, false));
  client.publish(REGISTRATION_SUBJECT, await fleet.registration(2));

  await eventually(() => {
    const failed = sdk.named("store JOBS").find(({ status }) => status.message !== undefined);
    assert.equal(failed?.status.message, "buffer_full");
  });
});

test("without bridge.spans there are none, and a carried trace passes as it came", async (t) => {
  const sdk = registerSdk(t);
  const { fleet, client, jsm, config } = await setup(t);
  const service = await startTestBridge(t, config);

  const headers = makeHeaders();
  headers.set("traceparent", TRACEPARENT);
  client.publish(REGISTRATION_SUBJECT, await fleet.registration(0), { headers });
  await eventually(() => assert.equal(stored(service), 1));

  assert.equal((await jsm.streams.getMessage("JOBS", { seq: 1 })).header.get("traceparent"), TRACEPARENT);
  assert.equal(sdk.named("store JOBS").length, 0);
});

test("bridge.spans without an SDK is said in the log", async (t) => {
  const { config } = await setup(t, { bridge: { http: { port: 0 }, spans: true } });
  const lines: string[] = [];
  const log = pino({ level: "warn" }, { write: (line: string) => void lines.push(line) });

  const service = await runBridge({ config, resolved: resolveTestFiles(config), apply: false, log });
  t.after(() => service.stop(200));

  assert.match(lines.join(""), /bridge\.spans is on, but no OpenTelemetry SDK is registered/);
});
