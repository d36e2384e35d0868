import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { type JetStreamManager, RetentionPolicy } from "nats";
import { stringify } from "yaml";
import { trustSection } from "../../functions/simulate/trust.ts";
import { REGISTRATION_SUBJECT } from "../support/bridge.ts";
import { startCli } from "../support/cli.ts";
import { eventually } from "../support/eventually.ts";
import { startFleet, type TestFleet } from "../support/fleet.ts";
import { startNats } from "../support/nats.ts";

const MESSAGES = 5_000;
const SENDERS = 50;
const PER_BURST = 25;

/** A process that is killed with SIGKILL again and again, and started again at once. */
function startMortal(args: readonly string[]) {
  let alive = true;
  let kills = 0;
  let current = startCli(args);
  return {
    get kills() {
      return kills;
    },
    async killAndRestart(): Promise<void> {
      if (!alive) return;
      current.child.kill("SIGKILL");
      kills += 1;
      await current.ended;
      current = startCli(args);
    },
    async end(): Promise<string> {
      alive = false;
      current.child.kill("SIGKILL");
      return (await current.ended).stderr;
    },
  };
}

/** Request ids in a stream, by how often each is stored. */
async function requestIds(jsm: JetStreamManager, stream: string): Promise<Map<string, number>> {
  const { state } = await jsm.streams.info(stream);
  const ids = new Map<string, number>();
  if (state.messages === 0) return ids;
  const consumer = await jsm.jetstream().consumers.get(stream);
  const messages = await consumer.fetch({ max_messages: state.messages, expires: 30_000 });
  for await (const message of messages) {
    const id = message.headers?.get("Choria-Request-Id") ?? "";
    ids.set(id, (ids.get(id) ?? 0) + 1);
    if (message.info.pending === 0) break;
  }
  return ids;
}

async function writeConfig(t: TestContext, url: string, fleet: TestFleet): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "choria-bridge-crash-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const config = {
    connections: { main: { servers: [url] } },
    trust: trustSection(fleet.pki, "mcollective"),
    ingest: { registration: { connection: "main", subject: REGISTRATION_SUBJECT, kind: "registration", to: ["WORK"] } },
    streams: {
      WORK: { connection: "main", subject: "work.{sender}" },
      OUT: { connection: "main", subject: "out.{sender}", retention: "limits", allowUnprovenSender: true },
    },
    sinks: { out: { type: "jetstream", to: "OUT" } },
    // A short lease, so that what a killed worker held comes back within the test's time.
    jobs: { copy: { stream: "WORK", sink: "out", timeout: "1s", ackWait: "2s" } },
    bridge: { http: { port: 0 } },
    worker: { http: { port: 0 } },
    log: { level: "error" },
  };
  const file = join(folder, "crash.yaml");
  await writeFile(file, stringify(config));
  return file;
}

test("whatever is killed, every stored message is republished, and none twice", { timeout: 170_000 }, async (t) => {
  const nats = await startNats(t);
  const [fleet, jsm, client] = await Promise.all([startFleet(t), nats.jsm(), nats.connect()]);
  const config = await writeConfig(t, nats.url, fleet);
  // The server itself copies what the work queue stores into a stream that keeps it: the evidence of what was accepted.
  await jsm.streams.add({ name: "KEPT", subjects: ["kept.>"], retention: RetentionPolicy.Limits });
  const bridge = startMortal(["bridge", "--config", config]);
  const worker = startMortal(["worker", "--config", config]);
  t.after(() => Promise.all([bridge.end(), worker.end()]));
  await eventually(() => jsm.streams.info("WORK"), { timeoutMs: 20_000 });
  await jsm.streams.update("WORK", { republish: { src: ">", dest: "kept.>" } });

  for (let sent = 0; sent < MESSAGES; sent += PER_BURST) {
    for (let i = sent; i < sent + PER_BURST; i += 1) {
      client.publish(REGISTRATION_SUBJECT, await fleet.registration(i % SENDERS, { payload: `{"n":${i}}` }));
    }
    await pause(60);
    if (sent % 500 === 250) await Promise.all([bridge.killAndRestart(), worker.killAndRestart()]);
  }
  await eventually(async () => assert.equal((await jsm.streams.info("WORK")).state.messages, 0), { timeoutMs: 60_000 });

  const kept = await requestIds(jsm, "KEPT");
  const out = await requestIds(jsm, "OUT");
  assert.equal(bridge.kills, 10);
  assert.ok(kept.size > MESSAGES / 10, `only ${kept.size} messages were accepted: the test shows little`);
  assert.deepEqual(
    [...kept.keys()].filter((id) => !out.has(id)),
    [],
    "accepted, but never republished",
  );
  assert.deepEqual(
    [...out].filter(([, times]) => times > 1),
    [],
    "republished twice",
  );
  t.diagnostic(`${kept.size} of ${MESSAGES} accepted, ${out.size} republished, ${bridge.kills + worker.kills} kills`);
});
