import assert from "node:assert/strict";
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { after, type TestContext, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { trustSection } from "../../../functions/simulate/trust.ts";
import { startCli } from "../../support/cli.ts";
import { eventually } from "../../support/eventually.ts";
import { steppableClock } from "../../support/faults/clock.ts";
import { LONG } from "../../support/faults/form.ts";
import { FaultyProxy } from "../../support/faults/proxy.ts";
import { openSourceLedger } from "../../support/faults/source-ledger.ts";
import { startFleet } from "../../support/fleet.ts";
import { makeFolder, writeYaml } from "../../support/folder.ts";
import { startNats } from "../../support/nats.ts";
import { addSource, sourceConsumer, sourceIngest } from "../../support/source.ts";

const sharedFleet = startFleet({ after });

const TIMES = LONG ? 100 : 6;
/** Stored while the bridge lives, before each fault and after it. */
const MESSAGES_PER_FAULT = 150;
const DOWN_SECONDS = 600;

/** A bridge as a process of its own, between a server with the source and one with its stream, its link to the first by a proxy. */
async function setup(t: TestContext, changes: Record<string, unknown> = {}) {
  const [broker, storage] = await Promise.all([startNats(t), startNats(t)]);
  const [fleet, folder, client, source, target, proxy] = await Promise.all([
    sharedFleet,
    makeFolder(t),
    broker.connect(),
    broker.jsm(),
    storage.jsm(),
    FaultyProxy.start(t, broker.server.port),
  ]);
  await addSource(source);
  await copyFile(fleet.pki.caFile, join(folder, "ca.pem"));
  const trust = trustSection(fleet.pki, "mcollective");
  const file = await writeYaml(folder, {
    connections: { main: { servers: [proxy.url] }, storage: { servers: [storage.url] } },
    trust: { ...trust, v1: { ...trust.v1, ca: "ca.pem" } },
    streams: { JOBS: { connection: "storage", subject: "jobs.{sender}" } },
    quarantine: { connection: "storage" },
    bridge: { http: { port: 0 } },
    ...sourceIngest({ ackWait: "2s" }),
    ...changes,
  });
  const ledger = openSourceLedger(client, fleet, { source, target });
  const start = (env: Record<string, string> = {}) => startBridge(t, file, env);
  return {
    broker,
    storage,
    fleet,
    folder,
    client,
    source,
    target,
    proxy,
    ledger,
    start,
    version: broker.serverVersion,
  };
}

async function startBridge(t: TestContext, file: string, env: Record<string, string>) {
  const started = startCli(["bridge", "--config", file], env);
  t.after(() => started.child.kill("SIGKILL"));
  await eventually(() => assert.match(started.output.stderr, /the bridge is receiving/), { timeoutMs: 60_000 });
  const telemetryUrl = /"telemetry":"([^"]+)"/.exec(started.output.stderr)?.[1] ?? "";
  return { ...started, metrics: async () => (await fetch(`${telemetryUrl}/metrics`)).text() };
}

test("a bridge that comes back after 10 minutes accepts everything its source kept, where a subscription refuses it", async (t) => {
  const core = { connection: "main", subject: "copy", kind: "registration", to: ["JOBS"] };
  const { fleet, folder, client, ledger, start, version } = await setup(t, {
    ingest: { ...(sourceIngest().ingest as object), core },
  });
  const clock = await steppableClock(join(folder, "clock"));
  await ledger.add(500);

  await clock.step(DOWN_SECONDS); // for the bridge it is 10 minutes later; messages live for 60 s
  const bridge = await start(clock.env);
  await ledger.balance(t, { fault: `bridge away for ${DOWN_SECONDS} s (${clock.how})`, times: 1, version });

  client.publish("copy", await fleet.registration(0));
  await eventually(async () => {
    assert.match(await bridge.metrics(), /^choria_bridge_rejected_total\{ingest="core",code="ttl_expired"\} 1$/m);
  });
  assert.doesNotMatch(await bridge.metrics(), /^choria_bridge_rejected_total\{ingest="registration"/m);
});

test("a bridge killed with SIGKILL again and again loses nothing its source holds, and stores nothing twice", async (t) => {
  const { source, ledger, start, version } = await setup(t);

  for (let kill = 0; kill < TIMES; kill += 1) {
    const bridge = await start();
    const before = (await sourceConsumer(source)).ack_floor.stream_seq;
    const adding = ledger.add(MESSAGES_PER_FAULT);
    await eventually(async () => {
      const { ack_floor } = await sourceConsumer(source);
      assert.ok(ack_floor.stream_seq > before + MESSAGES_PER_FAULT / 10, "it has not come far enough to be killed");
    });
    bridge.child.kill("SIGKILL");
    await Promise.all([adding, bridge.ended]);
  }
  await start();

  await ledger.balance(t, { fault: "SIGKILL of the bridge", times: TIMES, version });
});

test("a link to the source that is cut again and again, for longer than the lease, loses and repeats nothing", async (t) => {
  const { proxy, ledger, start, version } = await setup(t);
  await start();

  for (let cut = 0; cut < TIMES; cut += 1) {
    const adding = ledger.add(MESSAGES_PER_FAULT);
    await wait(300);
    proxy.cut();
    await wait(cut % 2 === 0 ? 500 : 3_000);
    proxy.mend();
    await adding;
  }

  await ledger.balance(t, { fault: "link to the source cut for 0.5 and 3 s, lease 2 s", times: TIMES, version });
});

test("a target server that is stopped again and again loses nothing its source holds, and stores nothing twice", async (t) => {
  const { storage, ledger, start, version } = await setup(t);
  await start();

  for (let kill = 0; kill < TIMES; kill += 1) {
    const adding = ledger.add(MESSAGES_PER_FAULT);
    await wait(300);
    await storage.server.kill("SIGTERM");
    await wait(3_000);
    await storage.server.restart();
    await adding;
  }

  await ledger.balance(t, { fault: "target's server stopped for 3 s, lease 2 s", times: TIMES, version });
});
