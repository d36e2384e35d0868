import assert from "node:assert/strict";
import { after, type TestContext, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import type { BridgeService } from "../../functions/bridge/run.ts";
import { nodeIdentity } from "../../functions/simulate/identity.ts";
import { NOBODY } from "../../shared/choria/rules/deny.ts";
import { bridgeConfig, REGISTRATION_SUBJECT, resolveTestFiles, startTestBridge } from "../support/bridge.ts";
import { eventually } from "../support/eventually.ts";
import { startFleet } from "../support/fleet.ts";
import { startNats } from "../support/nats.ts";

/** One for all tests: making its authorities takes a second. */
const sharedFleet = startFleet({ after });

async function setup(t: TestContext) {
  const nats = await startNats(t);
  const [fleet, jsm, client] = await Promise.all([sharedFleet, nats.jsm(), nats.connect()]);
  const start = async (changes: Record<string, unknown> = {}) => {
    const config = bridgeConfig(nats.url, fleet, changes);
    return { service: await startTestBridge(t, config), trust: resolveTestFiles(config).trust };
  };
  const stored = async () => (await jsm.streams.info("JOBS")).state.messages;
  return { nats, fleet, client, start, stored };
}

const ingestWith = (more: object) => ({
  ingest: {
    registration: { connection: "main", subject: REGISTRATION_SUBJECT, kind: "registration", to: ["JOBS"], ...more },
  },
});

function counters({ bridge }: BridgeService) {
  return { ingest: bridge.counters.ingests.get("registration")!, stream: bridge.counters.streams.get("JOBS")! };
}

test("a message that two bridges receive, and one that is sent again, are stored once", async (t) => {
  const { fleet, client, start, stored } = await setup(t);
  // Groups of their own: each bridge gets each message, as after a network that delivers twice.
  const { service: one } = await start(ingestWith({ queue: "one" }));
  const { service: two } = await start(ingestWith({ queue: "two" }));
  const message = await fleet.registration(0, { protocol: "v1" });
  const transport = JSON.parse(message.toString());
  const rewrapped = { ...transport, headers: { ...transport.headers, "reply-to": "somebody.else" } };

  client.publish(REGISTRATION_SUBJECT, message);
  client.publish(REGISTRATION_SUBJECT, message);
  client.publish(REGISTRATION_SUBJECT, JSON.stringify(rewrapped));

  const streams = [counters(one).stream, counters(two).stream];
  await eventually(() => {
    assert.equal(
      streams.reduce((sum, stream) => sum + stream.stored + stream.duplicate, 0),
      6,
    );
  });
  assert.equal(
    streams.reduce((sum, { duplicate }) => sum + duplicate, 0),
    5,
  );
  assert.equal(await stored(), 1);
});

test("what is replayed after its ttl, when the duplicate window may have let it go, is refused for its age", async (t) => {
  const { fleet, client, start, stored } = await setup(t);
  const { service } = await start();
  const sentAtMs = Date.now() - 60_000;

  client.publish(REGISTRATION_SUBJECT, await fleet.registration(0, { timeNs: BigInt(sentAtMs) * 1_000_000n }));

  await eventually(() => assert.deepEqual(counters(service).ingest.rejected, { ttl_expired: 1 }));
  assert.equal(await stored(), 0);
});

test("a proven message that the ingest's policy does not accept is counted by its code and not stored", async (t) => {
  const { fleet, client, start, stored } = await setup(t);
  const accept = { senders: [`^${nodeIdentity(0).replaceAll(".", "\\.")}$`], maxAge: "30s", maxBytes: "16KiB" };
  const { service } = await start(ingestWith({ accept }));
  const old = BigInt(Date.now() - 40_000) * 1_000_000n;

  client.publish(REGISTRATION_SUBJECT, await fleet.registration(0));
  client.publish(REGISTRATION_SUBJECT, await fleet.registration(1));
  client.publish(REGISTRATION_SUBJECT, await fleet.registration(0, { timeNs: old }));
  client.publish(REGISTRATION_SUBJECT, await fleet.registration(0, { payload: "x".repeat(20_000) }));

  await eventually(() => assert.equal(counters(service).ingest.received, 4));
  await eventually(() => assert.deepEqual(counters(service).ingest.rejected, { not_accepted: 2, too_large: 1 }));
  await eventually(() => assert.equal(counters(service).stream.stored, 1));
  assert.equal(await stored(), 1);
});

test("an identity that is denied is refused from the next message on, although its proof was remembered", async (t) => {
  const { fleet, client, start } = await setup(t);
  const { service, trust } = await start();
  for (const protocol of ["v1", "v2"] as const) {
    client.publish(REGISTRATION_SUBJECT, await fleet.registration(0, { protocol }));
  }
  await eventually(() => assert.equal(counters(service).stream.stored, 2));

  service.reload(() => ({ ...trust, deny: { ...NOBODY, identities: [nodeIdentity(0)] } }), "a trust file changed");
  for (const protocol of ["v1", "v2"] as const) {
    client.publish(REGISTRATION_SUBJECT, await fleet.registration(0, { protocol }));
    client.publish(REGISTRATION_SUBJECT, await fleet.registration(1, { protocol }));
  }

  await eventually(() => assert.deepEqual(counters(service).ingest.rejected, { denied: 2 }));
  await eventually(() => assert.equal(counters(service).stream.stored, 4));
});

test("trust that changes again and again under load drops no message and refuses none that both trusts believe", async (t) => {
  const { fleet, client, start, stored } = await setup(t);
  const { service, trust } = await start();
  const messages = await Promise.all(
    Array.from({ length: 1_000 }, (_, i) => fleet.registration(i % 20, { protocol: i % 2 === 0 ? "v1" : "v2" })),
  );

  let reloads = 0;
  for (const [index, message] of messages.entries()) {
    client.publish(REGISTRATION_SUBJECT, message);
    if (index % 50 !== 0) continue;
    const deny = { ...NOBODY, identities: [`stranger-${index}`] };
    reloads += service.reload(() => ({ ...trust, deny }), "a trust file changed") === "changed" ? 1 : 0;
    await turn(); // so that messages arrive between the reloads
  }

  await eventually(() => assert.equal(counters(service).stream.stored, 1_000), { timeoutMs: 60_000 });
  assert.equal(reloads, 20);
  assert.deepEqual(counters(service).ingest.rejected, {});
  assert.equal(counters(service).ingest.received, 1_000);
  assert.equal(await stored(), 1_000);
});
