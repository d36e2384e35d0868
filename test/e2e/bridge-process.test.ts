import assert from "node:assert/strict";
import { copyFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, type TestContext, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { DiscardPolicy, RetentionPolicy } from "nats";
import { deliveredByServer } from "../../functions/cli/start/client-loss.ts";
import { trustSection } from "../../functions/simulate/trust.ts";
import { REGISTRATION_SUBJECT } from "../support/bridge.ts";
import { startBridgeProcess } from "../support/bridge-process.ts";
import { runCli } from "../support/cli.ts";
import { eventually } from "../support/eventually.ts";
import { startFleet } from "../support/fleet.ts";
import { makeFolder, writeYaml } from "../support/folder.ts";
import { startNats } from "../support/nats.ts";
import { vectorFile } from "../support/vectors.ts";

/** One for all tests: making its authorities takes a second. */
const sharedFleet = startFleet({ after });

/** A broker, and a server of its own for the streams, so that one can go while the other stays. */
async function setup(t: TestContext) {
  const [broker, storage] = await Promise.all([startNats(t, { monitor: true }), startNats(t)]);
  const [fleet, folder, client, jsm] = await Promise.all([sharedFleet, makeFolder(t), broker.connect(), storage.jsm()]);
  const ca = join(folder, "ca.pem");
  await copyFile(fleet.pki.caFile, ca);
  const trust = trustSection(fleet.pki, "mcollective");
  const config = {
    connections: { broker: { servers: [broker.url] }, storage: { servers: [storage.url] } },
    trust: { ...trust, v1: { ...trust.v1, ca: "ca.pem" } },
    ingest: {
      registration: { connection: "broker", subject: REGISTRATION_SUBJECT, kind: "registration", to: ["JOBS"] },
    },
    streams: { JOBS: { connection: "storage", subject: "jobs.{sender}" } },
    quarantine: { connection: "storage" },
    // Room for whatever a stalled machine hands over at once: nothing is shed here.
    bridge: { http: { port: 0 }, shutdownTimeout: "10s", inFlight: 100_000, inFlightBytes: "1GiB" },
  };
  const stored = async () => (await jsm.streams.info("JOBS")).state.messages;
  const send = async (index: number, protocol: "v1" | "v2") =>
    client.publish(REGISTRATION_SUBJECT, await fleet.registration(index, { protocol }));
  return { broker, storage, fleet, folder, client, jsm, ca, config, stored, send };
}

/** Publishes registrations until told to stop; resolves with how many. */
function keepSending(send: (index: number, protocol: "v2") => Promise<void>) {
  let sending = true;
  const finished = (async () => {
    let sent = 0;
    for (; sending; sent += 1) {
      await send(sent % 20, "v2");
      await turn(); // not a timer: timers that are always due would starve the sockets
    }
    return sent;
  })();
  return {
    stop: () => {
      sending = false;
      return finished;
    },
  };
}

test("SIGTERM in the middle of a stream of messages stores everything the server had handed over, and exits with 0", async (t) => {
  const { broker, folder, config, stored, send } = await setup(t);
  const bridge = await startBridgeProcess(t, await writeYaml(folder, config));
  const sender = keepSending(send);
  await eventually(async () => assert.ok((await stored()) > 100, "too few are stored"), { timeoutMs: 40_000 });

  bridge.child.kill("SIGTERM");
  const { code, stderr } = await bridge.ended;
  const sent = await sender.stop();

  assert.equal(code, 0, stderr);
  assert.match(stderr, /stopped; everything accepted is stored/);
  const delivered = await deliveredByServer(broker.server.monitorUrl ?? "", "choria-bridge ingest");
  assert.equal(await stored(), delivered);
  assert.ok(delivered !== null && delivered < sent, "the bridge was to be stopped while messages still came");
});

test("a bridge that cannot store in time says how many are left and exits with 1", async (t) => {
  const { storage, folder, config, send } = await setup(t);
  const bridge = await startBridgeProcess(
    t,
    await writeYaml(folder, { ...config, bridge: { http: { port: 0 }, shutdownTimeout: "500ms" } }),
  );
  await storage.server.kill("SIGKILL");
  for (let i = 0; i < 7; i += 1) await send(i, "v2");
  await eventually(async () => {
    const metrics = await (await fetch(`${bridge.telemetryUrl}/metrics`)).text();
    assert.match(metrics, /^choria_bridge_buffer_messages\{stream="JOBS"\} 7$/m);
  });

  bridge.child.kill("SIGTERM");
  const { code, stderr } = await bridge.ended;

  assert.equal(code, 1);
  assert.match(stderr, /"left":\{"JOBS":7\}.*stopped after 500 ms with 7 accepted messages not stored/);
});

test("a second SIGTERM ends the bridge at once", async (t) => {
  const { storage, folder, config, send } = await setup(t);
  const bridge = await startBridgeProcess(
    t,
    await writeYaml(folder, { ...config, bridge: { http: { port: 0 }, shutdownTimeout: "60s" } }),
  );
  await storage.server.kill("SIGKILL");
  await send(0, "v2");
  await eventually(async () => {
    const metrics = await (await fetch(`${bridge.telemetryUrl}/metrics`)).text();
    assert.match(metrics, /^choria_bridge_buffer_messages\{stream="JOBS"\} 1$/m);
  });
  bridge.child.kill("SIGTERM");
  await eventually(() => assert.match(bridge.output.stderr, /stopping: storing what is in hand/));

  await eventually(() => {
    bridge.child.kill("SIGTERM"); // a signal within the first's half second counts as the same one
    assert.notEqual(bridge.child.exitCode, null);
  });

  assert.equal((await bridge.ended).code, 143);
});

test("SIGHUP reads trust again; a broken file is named, and leaves the old trust in place", async (t) => {
  const { folder, jsm, ca, config, stored, send } = await setup(t);
  const file = await writeYaml(folder, config);
  const bridge = await startBridgeProcess(t, file);
  const rejected = async () =>
    Object.keys((await jsm.streams.info("CHORIA_QUARANTINE", { subjects_filter: ">" })).state.subjects ?? {}).sort();
  const reload = async (says: RegExp) => {
    const { length } = bridge.output.stderr;
    bridge.child.kill("SIGHUP");
    await eventually(() => assert.match(bridge.output.stderr.slice(length), says));
  };
  await Promise.all([send(0, "v1"), send(1, "v2")]);
  await eventually(async () => assert.equal(await stored(), 2));

  await writeFile(ca, "no certificate");
  await reload(/trust\.v1\.ca.*trust could not be read again; the old one stays/);
  await Promise.all([send(0, "v1"), send(1, "v2")]);
  await eventually(async () => assert.equal(await stored(), 4));

  await writeFile(ca, vectorFile("keys/v1-ca.pem"));
  await writeYaml(folder, { ...config, trust: { ...config.trust, v2: { issuers: { choria: "ab".repeat(32) } } } });
  await reload(/trust was read again/);
  await Promise.all([send(0, "v1"), send(1, "v2")]);
  await eventually(async () => {
    assert.deepEqual(await rejected(), ["CHORIA_QUARANTINE.token_signature", "CHORIA_QUARANTINE.untrusted_cert"]);
  });
  assert.equal(await stored(), 4);
});

test("a stream with other settings is refused with each of them named, and mended with --apply", async (t) => {
  const { folder, jsm, config } = await setup(t);
  const retention = RetentionPolicy.Workqueue;
  await jsm.streams.add({
    name: "JOBS",
    subjects: ["jobs.*"],
    retention,
    discard: DiscardPolicy.Old,
    max_bytes: 5_000,
  });
  const file = await writeYaml(folder, config);

  const refused = await runCli(["bridge", "--config", file]);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /stream "JOBS" differs from the configuration:/);
  const named = [...refused.stderr.matchAll(/^ {2}(\w+): configured .+, on the server .+ \(can be changed/gm)];
  assert.deepEqual(named.map(([, setting]) => setting).sort(), [
    "discard",
    "duplicate_window",
    "max_bytes",
    "subjects",
  ]);

  const bridge = await startBridgeProcess(t, file, ["--apply"]);
  assert.equal((await jsm.streams.info("JOBS")).config.discard, "new");
  bridge.child.kill("SIGTERM");
  assert.equal((await bridge.ended).code, 0);
});

test("a bridge that cannot start says why and ends with 1", async (t) => {
  const { storage, folder, config } = await setup(t);
  const other = createServer().listen(0, "127.0.0.1");
  t.after(() => other.close());
  await eventually(() => assert.equal(other.listening, true));
  const { port } = other.address() as AddressInfo;

  const portTaken = await runCli([
    ...["bridge", "--config"],
    await writeYaml(folder, { ...config, bridge: { http: { port } } }),
  ]);
  await storage.server.kill("SIGKILL");
  const serverAway = await runCli(["bridge", "--config", await writeYaml(folder, config)]);

  const noJetStream = await startNats(t, {
    config: "accounts: { A: { users: [{ user: a, password: a }] } }, no_auth_user: a",
  });
  const connections = { broker: { servers: [noJetStream.url] }, storage: { servers: [noJetStream.url] } };
  const accountWithout = await runCli(["bridge", "--config", await writeYaml(folder, { ...config, connections })]);

  assert.deepEqual([portTaken.code, serverAway.code, accountWithout.code], [1, 1, 1]);
  assert.match(accountWithout.stderr, /127.0.0.1:\d+: no JetStream for this account/);
  assert.match(portTaken.stderr, new RegExp(`on 127.0.0.1:${port}: another process uses that port; set another`));
  assert.match(serverAway.stderr, /connection "storage" to nats:\/\/127.0.0.1:\d+: no server answers there/);
});
