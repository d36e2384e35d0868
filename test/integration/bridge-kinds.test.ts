import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, type TestContext, test } from "node:test";
import { type MsgHdrs, headers as makeHeaders, type NatsConnection } from "nats";
import { readQuarantined, replay } from "../../functions/bridge/quarantine/replay.ts";
import type { BridgeService } from "../../functions/bridge/run.ts";
import { nodeIdentity } from "../../functions/simulate/identity.ts";
import { trustSection } from "../../functions/simulate/trust.ts";
import { signV2 } from "../../shared/choria/compose.ts";
import { createTrust } from "../../shared/choria/trust.ts";
import { readMessage } from "../../shared/jetstream/browse.ts";
import { bridgeConfig, REGISTRATION_SUBJECT, resolveTestFiles, startTestBridge } from "../support/bridge.ts";
import { eventually } from "../support/eventually.ts";
import { startFleet } from "../support/fleet.ts";
import { startNats } from "../support/nats.ts";

/** One for all tests: making its authorities takes a second. */
const sharedFleet = startFleet({ after });

const NODE = nodeIdentity(0);
const SUBMISSION = "mcollective.submission.in.audit";
const events = JSON.parse(
  readFileSync(new URL("../fixtures/vectors/meta/lifecycle-events.json", import.meta.url), "utf8"),
);

/** A bridge with one ingest, `one`, into the stream JOBS. */
async function setup(t: TestContext, ingest: Record<string, unknown>) {
  const nats = await startNats(t);
  const [fleet, jsm, client] = await Promise.all([sharedFleet, nats.jsm(), nats.connect()]);
  const config = bridgeConfig(nats.url, fleet, {
    ingest: { one: { connection: "main", to: ["JOBS"], ...ingest } },
    streams: { JOBS: { connection: "main", subject: "jobs.{sender}", allowUnprovenSender: true } },
  });
  const service = await startTestBridge(t, config);
  return { nats, fleet, jsm, client, config, service };
}

function counters(service: BridgeService) {
  const { ingests, streams, quarantine } = service.bridge.counters;
  return { ingest: ingests.get("one")!, stream: streams.get("JOBS")!, quarantine };
}

async function readStored(client: NatsConnection, seq: number) {
  const { header, subject, data } = await (await client.jetstreamManager()).streams.getMessage("JOBS", { seq });
  return { header, subject, json: JSON.parse(Buffer.from(data).toString()) };
}

/** A submission of the node, as its spool sends it; signed by its own key under `token`, or not. */
async function publishSubmission(
  { client, fleet }: { client: NatsConnection; fleet: Awaited<typeof sharedFleet> },
  { id, payload, isSigned }: { id: string; payload: string; isSigned: boolean },
): Promise<void> {
  const headers: MsgHdrs = makeHeaders();
  headers.set("Nats-Msg-Id", id);
  headers.set("Nats-Rollup", "all");
  headers.set("Choria-Identity", NODE);
  headers.set("Choria-Priority", "4");
  if (isSigned) {
    const { token, privateKey } = await fleet.pki.v2(NODE, "trusted");
    headers.set("Choria-Token", token);
    headers.set("Choria-Signature", signV2(payload, privateKey).toString("hex"));
  }
  client.publish(SUBMISSION, payload, { headers });
}

test("an ingest of kind auto stores each message as what it is", async (t) => {
  const { fleet, client, service } = await setup(t, { subject: "mcollective.>", kind: "auto" });

  client.publish(REGISTRATION_SUBJECT, await fleet.registration(0, { protocol: "v1" }));
  client.publish(REGISTRATION_SUBJECT, await fleet.registration(1, { protocol: "v2" }));
  client.publish("mcollective.reply.x", await fleet.reply(2, { protocol: "v2" }));

  await eventually(() => assert.equal(counters(service).stream.stored, 3));
  assert.deepEqual(counters(service).ingest.validated, { "v1/signature": 1, "v2/signature": 2 });
  const agents = await Promise.all(
    [1, 2, 3].map(async (seq) => (await readStored(client, seq)).header.get("Choria-Agent")),
  );
  assert.deepEqual(agents.sort(), ["registration", "registration", "rpcutil"]);
});

test("a reply, whose hash anybody can compute, cannot slip in where registrations are expected", async (t) => {
  const { fleet, client, service } = await setup(t, { subject: REGISTRATION_SUBJECT, kind: "auto" });

  client.publish(REGISTRATION_SUBJECT, await fleet.reply(0, { protocol: "v1", payload: "forged" }));

  await eventually(() => assert.deepEqual(counters(service).ingest.rejected, { reply_unsigned: 1 }));
  assert.equal(counters(service).stream.accepted, 0);
});

test("an event is stored as unproven, once, and an alive event each time it comes", async (t) => {
  const { client, service } = await setup(t, { subject: "choria.lifecycle.>", kind: "event", proof: "none" });
  const [startup, alive] = ["startup", "alive"].map((name) => {
    const { subject, payload } = events.find((event: { name: string }) => event.name === name);
    return { subject, body: JSON.stringify(payload) };
  });

  for (const { subject, body } of [startup!, startup!, alive!, alive!]) client.publish(subject, body);

  await eventually(() => assert.equal(counters(service).stream.stored, 3));
  assert.equal(counters(service).stream.duplicate, 1);
  const { header, subject, json } = await readStored(client, 1);
  assert.equal(subject, "jobs.node1.example.net");
  assert.deepEqual([json.data, json.sender], [startup!.body, "node1.example.net"]);
  assert.deepEqual(
    ["Protocol", "Proof", "Sender-Proof", "Event-Type"].map((name) => header.get(`Choria-${name}`)),
    ["none", "none", "none", "io.choria.lifecycle.v1.startup"],
  );
});

test("a signed submission is stored with its proof, without its token and without orders to the server", async (t) => {
  const { fleet, client, service } = await setup(t, { subject: SUBMISSION, kind: "submission", proof: "payload" });

  for (const isSigned of [true, true, false]) {
    await publishSubmission({ client, fleet }, { id: "id-1", payload: "{}", isSigned });
  }

  await eventually(() => assert.deepEqual(counters(service).ingest.rejected, { submission_unsigned: 1 }));
  await eventually(() => assert.equal(counters(service).stream.duplicate, 1));
  const { header, subject } = await readStored(client, 1);
  assert.equal(subject, `jobs.${NODE}`);
  assert.deepEqual(
    [header.get("Choria-Proof"), header.get("Submission-Priority"), header.get("Choria-Request-Id")],
    ["payload", "4", "id-1"],
  );
  assert.deepEqual(
    [...header.keys()].filter((name) => /token|rollup/i.test(name)),
    [],
  );
});

test("an unsigned submission that was refused can be judged again, with the headers it came with", async (t) => {
  const opened = await setup(t, { subject: SUBMISSION, kind: "submission", proof: "payload" });
  const { fleet, client, config, service, jsm } = opened;
  await publishSubmission({ client, fleet }, { id: "id-1", payload: "{}", isSigned: false });
  await eventually(() => assert.equal(counters(service).quarantine.stored, 1));
  const entry = readQuarantined((await readMessage(await opened.nats.connect(), "CHORIA_QUARANTINE", 1))!);
  const mended = { ...config, ingest: { one: { ...config.ingest["one"]!, proof: "none" as const } } };

  const published: unknown[] = [];
  const result = await replay(entry, {
    config: mended,
    trust: createTrust(resolveTestFiles(mended).trust),
    nowMs: Date.now(),
    publish: async (stream, { subject, headers }) => {
      published.push({ stream, subject, id: new Map(headers).get("Choria-Request-Id") });
      return { stored: true, duplicate: false, stream, sequence: 1 };
    },
  });

  assert.equal(result.type, "stored");
  assert.deepEqual(published, [{ stream: "JOBS", subject: `jobs.${NODE}`, id: "id-1" }]);
  assert.equal((await jsm.streams.info("JOBS")).state.messages, 0);
});

test("the quarantine keeps no token, and says that a signed submission has to be sent again", async (t) => {
  const opened = await setup(t, { subject: SUBMISSION, kind: "submission", proof: "payload" });
  const { nats, fleet, client, config, service } = opened;
  const trust = trustSection(fleet.pki, "mcollective");
  const stranger = { ...trust, v2: { ...trust.v2, issuers: { choria: "ab".repeat(32) } } };
  const strict = bridgeConfig(nats.url, fleet, { trust: stranger });
  service.bridge.reloadTrust(createTrust(resolveTestFiles(strict).trust));
  await publishSubmission({ client, fleet }, { id: "id-1", payload: "{}", isSigned: true });
  await eventually(() => assert.equal(counters(service).quarantine.stored, 1));
  const stored = (await readMessage(await nats.connect(), "CHORIA_QUARANTINE", 1))!;

  const entry = readQuarantined(stored);
  const result = await replay(entry, {
    config,
    trust: createTrust(resolveTestFiles(config).trust),
    nowMs: Date.now(),
    publish: () => Promise.reject(new Error("nothing is to be published")),
  });

  const { token } = await fleet.pki.v2(NODE, "trusted");
  assert.ok(!JSON.stringify(stored.headers()).includes(token));
  assert.equal(entry.code, "token_signature");
  assert.match(result.type === "unusable" ? result.reason : result.type, /token is not kept/);
});

test("raw messages are all stored, equal ones too, under the subject they came by", async (t) => {
  const { client, service } = await setup(t, { subject: "site.>", kind: "raw", proof: "none" });

  for (const subject of ["site.a.temp", "site.a.temp", "site.b.temp"]) client.publish(subject, "21.5");

  await eventually(() => assert.equal(counters(service).stream.stored, 3));
  const subjects = await Promise.all([1, 2, 3].map(async (seq) => (await readStored(client, seq)).subject));
  assert.deepEqual(subjects.sort(), ["jobs.site.a.temp", "jobs.site.a.temp", "jobs.site.b.temp"]);
  assert.equal(counters(service).stream.duplicate, 0);
});
