import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { JetStreamManager } from "nats";
import { stringify } from "yaml";
import { trustSection } from "../../functions/simulate/trust.ts";
import { REGISTRATION_SUBJECT } from "../support/bridge.ts";
import { startCli } from "../support/cli.ts";
import { eventually } from "../support/eventually.ts";
import { startFleet, type TestFleet } from "../support/fleet.ts";
import { startNats } from "../support/nats.ts";

const KILLS = 10;
const PER_KILL = 500;
const SENDERS = 50;
const START_TIMEOUT_MS = 60_000;

/** A process that is killed with SIGKILL again and again. It is up once its log matches `ready`. */
async function startMortal(t: TestContext, args: readonly string[], ready: RegExp) {
  let current = startCli(args);
  t.after(() => current.child.kill("SIGKILL"));
  const up = () => eventually(() => assert.match(current.output.stderr, ready), { timeoutMs: START_TIMEOUT_MS });
  await up();
  return {
    async killAndRestart(): Promise<void> {
      current.child.kill("SIGKILL");
      await current.ended;
      current = startCli(args);
      await up();
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
  };
  const file = join(folder, "crash.yaml");
  await writeFile(file, stringify(config));
  return file;
}

test("whatever is killed, every stored message is republished, and none twice", { timeout: 400_000 }, async (t) => {
  const nats = await startNats(t);
  const [fleet, jsm, client] = await Promise.all([startFleet(t), nats.jsm(), nats.connect()]);
  const config = await writeConfig(t, nats.url, fleet);
  const worker = await startMortal(t, ["worker", "--config", config], /the worker is consuming/);
  // The server itself says what the work queue has stored, whatever happens to its PubAck. A stream cannot take these
  // copies: they still say which stream they expect.
  const accepted = new Set<string>();
  await jsm.streams.update("WORK", { republish: { src: ">", dest: "accepted.>", headers_only: true } });
  client.subscribe("accepted.>", {
    callback: (_error, { headers }) => void accepted.add(headers?.get("Choria-Request-Id") ?? ""),
  });
  await client.flush();
  const bridge = await startMortal(t, ["bridge", "--config", config], /the bridge is receiving/);

  for (let kill = 0; kill < KILLS; kill += 1) {
    const before = accepted.size;
    for (let n = 0; n < PER_KILL; n += 1) {
      const payload = `{"kill":${kill},"n":${n}}`;
      client.publish(REGISTRATION_SUBJECT, await fleet.registration(n % SENDERS, { payload }));
      if (n % 25 === 0) await client.flush();
    }
    // Each kill finds them at another point of the work.
    const wanted = before + (PER_KILL * (kill + 1)) / (KILLS + 1);
    await eventually(() => assert.ok(accepted.size >= wanted, `${accepted.size - before} accepted`), {
      timeoutMs: 60_000,
    });
    await Promise.all([bridge.killAndRestart(), worker.killAndRestart()]);
  }
  await eventually(async () => assert.equal((await jsm.streams.info("WORK")).state.messages, 0), {
    timeoutMs: 120_000,
  });

  const out = await requestIds(jsm, "OUT");
  t.diagnostic(`${accepted.size} of ${KILLS * PER_KILL} sent were accepted, ${out.size} republished`);
  assert.ok(accepted.size > (KILLS * PER_KILL) / 10, `only ${accepted.size} were accepted: the test shows little`);
  assert.deepEqual(
    [...accepted].filter((id) => !out.has(id)),
    [],
    "accepted, but never republished",
  );
  assert.deepEqual(
    [...out].filter(([, times]) => times > 1),
    [],
    "republished twice",
  );
});
