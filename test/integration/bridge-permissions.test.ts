import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, type TestContext, test } from "node:test";
import { nkeys } from "nats";
import type { BridgeService } from "../../functions/bridge/run.ts";
import { bridgeConfig, REGISTRATION_SUBJECT, startTestBridge } from "../support/bridge.ts";
import { eventually } from "../support/eventually.ts";
import { startFleet } from "../support/fleet.ts";
import { makeFolder } from "../support/folder.ts";
import { startReloadable } from "../support/permissions.ts";

const sharedFleet = startFleet({ after });

type Denied = Partial<Record<"publish" | "subscribe", string>>;

/** The bridge may do everything but what is denied; another user sees to the rest. */
function serverConfig(bridgeKey: string, denied: Denied, successor = bridgeKey): string {
  const permissions = Object.entries(denied).map(([what, subject]) => `${what}: { deny: "${subject}" }`);
  const bridge = `{ nkey: ${bridgeKey}, permissions: { ${permissions.join(", ")} } }`;
  const next = successor === bridgeKey ? "" : `, { nkey: ${successor} }`;
  return `authorization: { users: [${bridge}${next}, { user: other, password: o }] }`;
}

async function setup(t: TestContext, denied: Denied) {
  const [folder, fleet] = await Promise.all([makeFolder(t), sharedFleet]);
  const [first, second] = [nkeys.createUser(), nkeys.createUser()];
  const config = (may: Denied) => serverConfig(first.getPublicKey(), may, second.getPublicKey());
  const nats = await startReloadable(t, config(denied));
  const nkeyFile = join(folder, "bridge.nk");
  await writeFile(nkeyFile, first.getSeed());
  const main = { servers: [nats.url], nkeyFile };
  const service = await startTestBridge(t, bridgeConfig(nats.url, fleet, { connections: { main } }));
  const client = await nats.connect({ user: "other", pass: "o" });
  const register = async () => client.publish(REGISTRATION_SUBJECT, await fleet.registration(0));
  /** New permissions for the same key; the bridge has to come back for them. */
  const allow = async () => {
    await nats.putConfig(config({}));
    await nats.server.restart();
  };
  /** New permissions for the same key, of which the bridge is told nothing. */
  const change = (may: Denied) => nats.change(config(may));
  const renewKey = () => writeFile(nkeyFile, second.getSeed());
  return { service, register, allow, change, renewKey };
}

function stored({ bridge }: BridgeService): number {
  return bridge.counters.streams.get("JOBS")?.stored ?? 0;
}

async function readyz({ telemetryUrl }: BridgeService): Promise<{ status: number; body: string }> {
  const response = await fetch(`${telemetryUrl}/readyz`);
  return { status: response.status, body: await response.text() };
}

test("a bridge that may not subscribe is not ready, says to what, and recovers when the server allows it", async (t) => {
  const { service, register, allow } = await setup(t, { subscribe: REGISTRATION_SUBJECT });

  await eventually(async () => {
    const { status, body } = await readyz(service);
    assert.equal(status, 503);
    assert.match(body, new RegExp(`connection ingest main: may not subscribe to "${REGISTRATION_SUBJECT}"; allow it`));
  });

  await allow();
  await eventually(async () => assert.deepEqual(await readyz(service), { status: 200, body: "ready\n" }));
  await register();

  await eventually(() => assert.equal(stored(service), 1));
});

test("a bridge that may not subscribe recovers as well when the server takes new permissions without a restart", async (t) => {
  const { service, register, change } = await setup(t, { subscribe: REGISTRATION_SUBJECT });
  await eventually(async () => assert.equal((await readyz(service)).status, 503));

  await change({});
  await eventually(async () => assert.deepEqual(await readyz(service), { status: 200, body: "ready\n" }));
  await register();

  await eventually(() => assert.equal(stored(service), 1));
});

test("a bridge that may no longer hear its PubAcks is not ready, says so, and recovers when it may again", async (t) => {
  const { service, register, change } = await setup(t, {});

  await change({ subscribe: "_INBOX.>" });
  await eventually(async () => {
    const { status, body } = await readyz(service);
    assert.equal(status, 503);
    assert.match(body, /connection publish main: may not subscribe to "_INBOX\.>"; allow it/);
    assert.doesNotMatch(body, /is down/);
  });
  await register();
  await change({});

  await eventually(() => assert.equal(stored(service), 1));
  await eventually(async () => assert.deepEqual(await readyz(service), { status: 200, body: "ready\n" }));
});

test("new credentials that may subscribe are shown at once, not when the connection happens to come back", async (t) => {
  const { service, register, renewKey } = await setup(t, { subscribe: REGISTRATION_SUBJECT });
  await eventually(async () => assert.equal((await readyz(service)).status, 503));

  await renewKey();
  await service.bridge.credentialsChanged("main");
  await eventually(async () => assert.equal((await readyz(service)).status, 200));
  await register();

  await eventually(() => assert.equal(stored(service), 1));
});

test("new credentials cost a bridge that lacks nothing no reconnect", async (t) => {
  const { service, register, renewKey } = await setup(t, {});

  await renewKey();
  await service.bridge.credentialsChanged("main");
  // A reconnect is not over when it is asked for: by the time that something is stored it would have been counted.
  await eventually(async () => {
    await register();
    assert.ok(stored(service) > 0, "nothing is stored");
  });

  assert.deepEqual(
    [...service.bridge.counters.connections.values()].map(({ disconnects }) => disconnects),
    [0, 0],
  );
});

test("a bridge that may not publish is not ready, says to what, loses nothing of it, and recovers", async (t) => {
  const { service, register, allow } = await setup(t, { publish: "jobs.>" });
  await eventually(async () => assert.equal((await readyz(service)).status, 200));

  await register();
  await eventually(async () => {
    const { status, body } = await readyz(service);
    assert.equal(status, 503);
    assert.match(body, /connection publish main: may not publish to "jobs\.>"; allow it/);
  });
  await allow();

  await eventually(() => assert.equal(stored(service), 1));
  await eventually(async () => assert.deepEqual(await readyz(service), { status: 200, body: "ready\n" }));
});

test("a bridge that is allowed everything stays ready", async (t) => {
  const { service, register } = await setup(t, {});

  await register();

  await eventually(() => assert.equal(stored(service), 1));
  assert.deepEqual(await readyz(service), { status: 200, body: "ready\n" });
});
