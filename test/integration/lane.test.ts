import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { DiscardPolicy, type JetStreamManager, type NatsConnection, RetentionPolicy, type StreamConfig } from "nats";
import { Lane, type LaneMessage, type LaneSettings, type ShedReason } from "../../shared/jetstream/lane.ts";
import type { PublishFailure } from "../../shared/jetstream/puback.ts";
import { eventually } from "../support/eventually.ts";
import { startNats } from "../support/nats.ts";

/** Tells the lane what happens to its connection, as the bridge does. */
async function tell(lane: Lane, connection: NatsConnection): Promise<void> {
  for await (const status of connection.status()) {
    if (status.type === "disconnect") lane.disconnected();
    if (status.type === "reconnect") lane.reconnected();
  }
}

interface Recorder {
  readonly stored: string[];
  readonly duplicates: string[];
  readonly maybeDuplicates: string[];
  readonly shed: [id: string, reason: ShedReason][];
  readonly failures: PublishFailure[];
}

const SETTINGS: LaneSettings = {
  stream: "JOBS",
  inFlight: 64,
  maxMessages: 1_000,
  maxBytes: 8_388_608,
  maxAgeMs: 60_000,
  duplicateWindowMs: 120_000,
  ackTimeoutMs: 1_000,
};

async function setup(t: TestContext, settings: Partial<LaneSettings> = {}) {
  const nats = await startNats(t);
  const jsm = await nats.jsm();
  const recorder: Recorder = { stored: [], duplicates: [], maybeDuplicates: [], shed: [], failures: [] };
  const connection = await nats.connect();
  const lane = new Lane(
    connection,
    { ...SETTINGS, ...settings },
    {
      stored: ({ id }, { duplicate, maybeDuplicate }) => {
        (duplicate ? recorder.duplicates : recorder.stored).push(id);
        if (maybeDuplicate) recorder.maybeDuplicates.push(id);
      },
      shed: ({ id }, reason) => recorder.shed.push([id, reason]),
      retried: (failure) => recorder.failures.push(failure),
    },
    { now: () => performance.now(), random: () => 0.5 },
  );
  t.after(() => lane.close(0));
  return { nats, jsm, connection, lane, recorder };
}

async function addStream(jsm: JetStreamManager, config: Partial<StreamConfig> = {}): Promise<void> {
  await jsm.streams.add({
    name: "JOBS",
    subjects: ["jobs.>"],
    retention: RetentionPolicy.Limits,
    discard: DiscardPolicy.New,
    ...config,
  });
}

function makeMessage(id: string, values: Partial<LaneMessage> = {}): LaneMessage {
  return {
    subject: "jobs.node",
    id,
    key: id,
    origin: "test",
    headers: [["Choria-Sender", "node1.example.net"]],
    body: Buffer.from(id),
    arrivedAt: performance.now(),
    settled: null,
    ...values,
  };
}

/** Over `jsm`; after a restart of the server over a new one, since an old connection may not have noticed yet. */
async function storedBodies(jsm: JetStreamManager): Promise<string[]> {
  const { state } = await jsm.streams.info("JOBS");
  const bodies: string[] = [];
  for (let seq = state.first_seq; seq <= state.last_seq; seq += 1) {
    bodies.push(Buffer.from((await jsm.streams.getMessage("JOBS", { seq })).data).toString());
  }
  return bodies;
}

test("a message counts as stored only after its PubAck, and carries its id and headers", async (t) => {
  const { jsm, lane, recorder } = await setup(t);
  await addStream(jsm);

  lane.offer(makeMessage("a"));
  await eventually(() => assert.deepEqual(recorder.stored, ["a"]));

  const { header } = await jsm.streams.getMessage("JOBS", { seq: 1 });
  assert.equal(header.get("Nats-Msg-Id"), "a");
  assert.equal(header.get("Choria-Sender"), "node1.example.net");
});

test("an id the stream holds already is a duplicate, not stored", async (t) => {
  const { jsm, lane, recorder } = await setup(t);
  await addStream(jsm);

  lane.offer(makeMessage("a"));
  lane.offer(makeMessage("a", { key: "other" }));

  await eventually(() => assert.deepEqual([recorder.stored, recorder.duplicates], [["a"], ["a"]]));
});

test("without a stream messages wait, and are stored in order per key once it is there", async (t) => {
  const { jsm, lane, recorder } = await setup(t);

  for (let i = 0; i < 20; i += 1) lane.offer(makeMessage(`m${i}`, { key: `key${i % 2}` }));
  await eventually(() => assert.ok(recorder.failures.includes("no_stream"), "not yet"));
  await addStream(jsm);
  await eventually(() => assert.equal(recorder.stored.length, 20));

  const bodies = await storedBodies(jsm);
  for (const parity of [0, 1]) {
    const numbers = bodies.map((body) => Number(body.slice(1))).filter((n) => n % 2 === parity);
    assert.deepEqual(
      numbers,
      [...numbers].sort((a, b) => a - b),
    );
  }
});

test("a full stream holds messages back and takes them when there is room again", async (t) => {
  const { jsm, lane, recorder } = await setup(t);
  await addStream(jsm, { max_msgs: 1 });

  lane.offer(makeMessage("a"));
  lane.offer(makeMessage("b"));
  await eventually(() => assert.ok(recorder.failures.includes("full"), "not yet"));
  await jsm.streams.purge("JOBS");

  await eventually(() => assert.deepEqual(recorder.stored, ["a", "b"]));
  assert.deepEqual(recorder.shed, []);
});

test("beyond the buffer the newest are shed and counted", async (t) => {
  const { lane, recorder } = await setup(t, { maxMessages: 2 });

  for (const id of ["a", "b", "c"]) lane.offer(makeMessage(id));

  assert.deepEqual(recorder.shed, [["c", "buffer_full"]]);
});

test("what can come again takes no room from what cannot, and is stored after it", async (t) => {
  const { jsm, lane, recorder } = await setup(t, { maxMessages: 3, inFlight: 1 });
  const returning = ["s1", "s2", "s3", "s4", "s5"];
  for (const id of returning) lane.offer(makeMessage(id, { settled: () => {} }));
  const wasFull = lane.isFull;
  await eventually(() => assert.ok(recorder.failures.includes("no_stream"), "not yet"));

  for (const id of ["a", "b", "c", "d"]) lane.offer(makeMessage(id));
  await addStream(jsm);

  await eventually(() => assert.equal(recorder.stored.length, 8));
  assert.deepEqual([wasFull, recorder.shed], [true, [["d", "buffer_full"]]]);
  // The one that was under way already is tried again first.
  assert.deepEqual(recorder.stored, ["s1", "a", "b", "c", "s2", "s3", "s4", "s5"]);
  assert.deepEqual([lane.messages, lane.bytes], [0, 0]);
});

test("a message that could not be stored in time is shed as expired", async (t) => {
  const { lane, recorder } = await setup(t, { maxAgeMs: 300 });

  lane.offer(makeMessage("a"));

  await eventually(() => assert.deepEqual(recorder.shed, [["a", "buffer_expired"]]));
  assert.equal(lane.messages, 0);
  assert.equal(lane.bytes, 0);
});

test("messages of one key that could not be stored in time are all shed as expired, not one at each look", async (t) => {
  const { lane, recorder } = await setup(t, { maxAgeMs: 300 });

  const arrivedAt = performance.now();
  for (let n = 0; n < 500; n += 1) lane.offer(makeMessage(`m${n}`, { key: "node", arrivedAt }));
  await eventually(() => assert.ok(recorder.shed.length > 0, "not yet"));

  assert.equal(recorder.shed.length, 500);
  assert.deepEqual([lane.messages, lane.bytes], [0, 0]);
});

test("a message larger than the stream takes is shed by itself; the next of its key is stored", async (t) => {
  const { jsm, lane, recorder } = await setup(t);
  await addStream(jsm, { max_msg_size: 512 });

  lane.offer(makeMessage("big", { key: "k", body: Buffer.alloc(2_000) }));
  lane.offer(makeMessage("small", { key: "k" }));

  await eventually(() => assert.deepEqual(recorder.stored, ["small"]));
  assert.deepEqual(recorder.shed, [["big", "too_large_to_store"]]);
});

test("a message larger than the server's max_payload is shed by itself", async (t) => {
  const { jsm, lane, recorder } = await setup(t);
  await addStream(jsm);

  lane.offer(makeMessage("big", { body: Buffer.alloc(1_048_576) }));
  lane.offer(makeMessage("small"));

  await eventually(() => assert.deepEqual(recorder.stored, ["small"]));
  assert.deepEqual(recorder.shed, [["big", "too_large_to_store"]]);
});

test("a subject too long for the server is shed by itself, and does not cost the connection", async (t) => {
  const { jsm, lane, recorder } = await setup(t);
  await addStream(jsm);
  const statuses: string[] = [];
  void (async () => {
    for await (const { type } of lane.connection.status()) statuses.push(type);
  })();

  lane.offer(makeMessage("long", { subject: `jobs.${"x".repeat(5_000)}` }));
  lane.offer(makeMessage("longest", { subject: `jobs.${"x".repeat(3_895)}` }));

  await eventually(() => assert.deepEqual(recorder.stored, ["longest"]));
  assert.deepEqual(recorder.shed, [["long", "too_large_to_store"]]);
  assert.deepEqual(statuses, []);
});

test("a stream of another name on the subject is not filled by mistake", async (t) => {
  const { jsm, lane, recorder } = await setup(t);
  await addStream(jsm, { name: "OTHER" });

  lane.offer(makeMessage("a"));

  await eventually(() => assert.ok(recorder.failures.includes("wrong_stream"), "not yet"));
  assert.equal((await jsm.streams.info("OTHER")).state.messages, 0);
});

test("a server killed with messages in flight loses none of them and doubles none", async (t) => {
  const { nats, jsm, connection, lane, recorder } = await setup(t, { ackTimeoutMs: 500 });
  await addStream(jsm);
  void tell(lane, connection);

  const ids = Array.from({ length: 500 }, (_, i) => `m${i}`);
  for (const id of ids) lane.offer(makeMessage(id));
  await nats.server.kill("SIGKILL");
  await nats.server.restart();

  await eventually(() => assert.equal(recorder.stored.length + recorder.duplicates.length, 500), { timeoutMs: 60_000 });
  assert.deepEqual((await storedBodies(await nats.jsm())).sort(), [...ids].sort());
});

test("a server that freezes longer than a PubAck may take stores every message once, and none counts as a copy", async (t) => {
  const { nats, jsm, lane, recorder } = await setup(t, { ackTimeoutMs: 500, inFlight: 16 });
  await addStream(jsm);
  lane.offer(makeMessage("before"));
  await eventually(() => assert.deepEqual(recorder.stored, ["before"]));

  await nats.server.kill("SIGSTOP");
  const ids = Array.from({ length: 100 }, (_, i) => `m${i}`);
  for (const id of ids) lane.offer(makeMessage(id));
  await eventually(() => assert.ok(recorder.failures.includes("timeout"), "not yet"));
  assert.equal(lane.suspended, true);
  await nats.server.kill("SIGCONT");

  await eventually(() => assert.equal(recorder.stored.length, 101), { timeoutMs: 40_000 });
  assert.deepEqual(recorder.duplicates, []);
  assert.deepEqual((await storedBodies(jsm)).sort(), ["before", ...ids].sort());
});

test("a publish of unknown outcome, retried later than the duplicate window, counts as maybe stored twice", async (t) => {
  const { nats, jsm, connection, lane, recorder } = await setup(t, { duplicateWindowMs: 0 });
  await addStream(jsm);
  void tell(lane, connection);

  await nats.server.kill("SIGSTOP"); // nothing of what is sent now is read
  lane.offer(makeMessage("a"));
  await nats.server.kill("SIGKILL");
  await nats.server.restart();

  await eventually(() => assert.deepEqual(recorder.stored, ["a"]), { timeoutMs: 40_000 });
  assert.deepEqual(recorder.maybeDuplicates, ["a"]);
});

test("closing waits for what is in hand and reports what is left", async (t) => {
  const { lane, recorder } = await setup(t);

  lane.offer(makeMessage("a"));
  const left = await lane.close(300);
  lane.offer(makeMessage("b"));

  assert.equal(left, 1);
  assert.deepEqual(recorder.shed, [
    ["a", "shutdown"],
    ["b", "shutdown"],
  ]);
});
