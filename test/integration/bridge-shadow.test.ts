import assert from "node:assert/strict";
import { after, test } from "node:test";
import { pino } from "pino";
import { runBridge } from "../../functions/bridge/run.ts";
import { bridgeConfig, REGISTRATION_SUBJECT, resolveTestFiles, startTestBridge } from "../support/bridge.ts";
import { eventually } from "../support/eventually.ts";
import { startFleet } from "../support/fleet.ts";
import { startNats } from "../support/nats.ts";

const sharedFleet = startFleet({ after });

const registration = { connection: "main", subject: REGISTRATION_SUBJECT, kind: "registration", to: ["JOBS"] };

test("a shadow judges, counts and logs, on a server that has no JetStream at all", async (t) => {
  const nats = await startNats(t, {
    config: "accounts: { A: { users: [{ user: a, password: a }] } }, no_auth_user: a",
  });
  const [fleet, client] = await Promise.all([sharedFleet, nats.connect()]);
  const config = bridgeConfig(nats.url, fleet, { ingest: { registration: { ...registration, enforce: false } } });
  const lines: string[] = [];
  const log = pino({ level: "warn" }, { write: (line: string) => void lines.push(line) });
  const service = await runBridge({ config, resolved: resolveTestFiles(config), apply: false, log });
  t.after(() => service.stop(200));

  client.publish(REGISTRATION_SUBJECT, await fleet.registration(0));
  client.publish(REGISTRATION_SUBJECT, await fleet.registration(1, { standing: "rogue", protocol: "v1" }));

  const { ingests, streams, quarantine } = service.bridge.counters;
  const counters = ingests.get("registration")!;
  await eventually(() => assert.deepEqual(counters.rejected, { untrusted_cert: 1 }));
  assert.deepEqual(counters.validated, { "v2/signature": 1 });
  assert.match(lines.join(""), /"code":"untrusted_cert".*rejected a message/);
  assert.deepEqual([streams.size, service.bridge.lanes.size, quarantine], [0, 0, { stored: 0, dropped: 0 }]);
  assert.deepEqual(service.bridge.readiness(), { ready: true, reasons: [] });
});

test("a shadow takes nothing away from the bridges that store, and makes no stream of its own", async (t) => {
  const nats = await startNats(t);
  const [fleet, jsm, client] = await Promise.all([sharedFleet, nats.jsm(), nats.connect()]);
  const streams = {
    JOBS: { connection: "main", subject: "jobs.{sender}" },
    LATER: { connection: "main", subject: "later.{sender}" },
  };
  const named = { ...registration, queue: "fleet" };
  const shadow = { ...named, enforce: false, to: ["LATER"] };
  const service = await startTestBridge(
    t,
    bridgeConfig(nats.url, fleet, { ingest: { registration: named, shadow }, streams }),
  );

  for (let node = 0; node < 20; node += 1) client.publish(REGISTRATION_SUBJECT, await fleet.registration(node));

  const { ingests } = service.bridge.counters;
  await eventually(() => assert.equal(ingests.get("shadow")?.validated["v2/signature"], 20));
  await eventually(async () => assert.equal((await jsm.streams.info("JOBS")).state.messages, 20));
  const names: string[] = [];
  for await (const name of jsm.streams.names()) names.push(name);
  assert.deepEqual(names.sort(), ["CHORIA_QUARANTINE", "JOBS"]);
});
