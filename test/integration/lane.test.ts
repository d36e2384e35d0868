import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { DiscardPolicy, type JetStreamManager, type NatsConnection, RetentionPolicy, type StreamConfig } from "nats";
import { openConnection, watchConnection } from "../../shared/jetstream/connect.ts";
import { Lane, type LaneMessage, type LaneSettings, type ShedReason } from "../../shared/jetstream/lane.ts";
import type { PublishFailure } from "../../shared/jetstream/puback.ts";
import { standingOn } from "../../shared/jetstream/standing.ts";
import { eventually } from "../support/eventually.ts";
import { startNats } from "../support/nats.ts";
import { startReloadable } from "../support/permissions.ts";

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
  const connection = await nats.connect();
  return { nats, jsm, connection, ...makeLane(t, connection, settings) };
}

/** The lane's user may not do what is denied; whoever does not log in may do everything. */
function denying(permissions: string): string {
  const denied = `{ user: u, password: p, permissions: { ${permissions} } }`;
  return `authorization: { users: [${denied}, { user: other, password: p }] }, no_auth_user: other`;
}

const NO_REPLIES = denying('subscribe: { deny: "_INBOX.>" }');
const EVERYTHING = denying('subscribe: { deny: "nothing" }');

/** On a connection as the bridge opens it, which asks again for what it was refused. */
async function setupDenied(t: TestContext, config: string, settings: Partial<LaneSettings> = {}) {
  const nats = await startReloadable(t, config);
  const jsm = await nats.jsm();
  const credentials = { type: "userPassword", user: "u", password: "p" } as const;
  const connection = await openConnection({ name: "main", servers: [nats.url], tls: null, credentials }, "test");
  t.after(() => connection.close());
  const made = makeLane(t, connection, settings);
  const events = {
    onDisconnect: () => made.lane.disconnected(),
    onReconnect: () => made.lane.reconnected(),
    onError: () => {},
  };
  void watchConnection(connection, events, Date.now);
  return { nats, jsm, connection, ...made };
}

function makeLane(t: TestContext, connection: NatsConnection, settings: Partial<LaneSettings>) {
  const recorder: Recorder = { stored: [], duplicates: [], maybeDuplicates: [], shed: [], failures: [] };
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
  return { lane, recorder };
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

/** It can come again. */
const FROM_SOURCE: Partial<LaneMessage> = { settled: () => {} };

/** Over `jsm`; after a restart of the server over a new one, since an old connection may not have noticed yet. */
async function storedBodies(jsm: JetStreamManager): Promise<string[]> {
  const { state } = await jsm.streams.info("JOBS");
  if (state.messages === 0) return [];
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

test("headers fill the buffer as bodies do", async (t) => {
  const { lane, recorder } = await setup(t, { maxBytes: 100_000 });
  const headers = Array.from({ length: 100 }, (_, n) => [`H${n}`, "x"] as const);

  for (let n = 0; n < 20; n += 1) lane.offer({ ...makeMessage(`m${n}`, { key: `key${n}` }), headers });

  assert.ok(lane.bytes > 80_000 && lane.bytes <= 100_000, `${lane.bytes} bytes`);
  assert.equal(lane.messages + recorder.shed.length, 20);
  assert.ok(
    recorder.shed.every(([, reason]) => reason === "buffer_full"),
    "shed for another reason",
  );
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
  lane.disconnected();
  for (const id of ["s1", "s2", "s3", "s4", "s5"]) lane.offer(makeMessage(id, FROM_SOURCE));
  const wasFull = lane.isFull;

  for (const id of ["a", "b", "c", "d"]) lane.offer(makeMessage(id));
  await addStream(jsm);
  lane.reconnected();

  await eventually(() => assert.equal(recorder.stored.length, 8));
  assert.deepEqual([wasFull, recorder.shed], [true, [["d", "buffer_full"]]]);
  assert.deepEqual(recorder.stored, ["a", "b", "c", "s1", "s2", "s3", "s4", "s5"]);
  assert.deepEqual([lane.messages, lane.bytes], [0, 0]);
});

test("what cannot come again does not wait behind one of its key that can for the turn of that one", async (t) => {
  const { jsm, lane, recorder } = await setup(t, { inFlight: 1 });
  await addStream(jsm);
  lane.disconnected();
  lane.offer(makeMessage("s1", FROM_SOURCE));
  lane.offer(makeMessage("s2", { ...FROM_SOURCE, key: "k" }));
  lane.offer(makeMessage("s3", { ...FROM_SOURCE, key: "k" }));

  lane.offer(makeMessage("a", { key: "k" }));
  lane.reconnected();

  await eventually(() => assert.deepEqual(recorder.stored, ["s2", "s3", "a", "s1"]));
});

for (const [where, isTried] of [
  ["was not tried yet", false],
  ["is being retried", true],
] as const) {
  test(`what cannot come again expires behind one of its key that can and ${where}, and makes room`, async (t) => {
    const { lane, recorder } = await setup(t, { maxAgeMs: 300, maxMessages: 1 });
    if (!isTried) lane.disconnected();
    lane.offer(makeMessage("s", { ...FROM_SOURCE, key: "k" }));
    if (isTried) await eventually(() => assert.ok(recorder.failures.length > 0, "not yet"));

    lane.offer(makeMessage("a", { key: "k" }));

    await eventually(() => assert.deepEqual(recorder.shed, [["a", "buffer_expired"]]));
    lane.offer(makeMessage("b"));
    assert.deepEqual([lane.messages, recorder.shed.length], [2, 1]);
  });
}

const ONE_PER_SUBJECT: Partial<StreamConfig> = { max_msgs_per_subject: 1, discard_new_per_subject: true };

/** Of a sender with a subject of its own. */
function sent(sender: string, id: string, values: Partial<LaneMessage> = {}): LaneMessage {
  return makeMessage(id, { ...values, subject: `jobs.${sender}`, key: sender });
}

for (const [origin, values] of [
  ["that cannot come again", {}],
  ["from a source", FROM_SOURCE],
] as const) {
  test(`a subject that is full holds up messages of its own sender only, in their order: those ${origin}`, async (t) => {
    const { jsm, lane, recorder } = await setup(t);
    await addStream(jsm, ONE_PER_SUBJECT);
    for (const id of ["a1", "a2", "a3"]) lane.offer(sent("a", id, values));
    await eventually(() => assert.ok(recorder.failures.length >= 2, "not yet"));

    for (const sender of ["b", "c", "d"]) lane.offer(sent(sender, sender, values));
    await eventually(() => assert.deepEqual(recorder.stored, ["a1", "b", "c", "d"]));
    const before = recorder.failures.length;
    await eventually(() => assert.ok(recorder.failures.length >= before + 2, "not yet"));
    assert.deepEqual([lane.suspended, lane.messages], [false, 2]);

    await jsm.streams.purge("JOBS", { filter: "jobs.a" });
    await eventually(() => assert.deepEqual(recorder.stored.slice(4), ["a2"]));
    await jsm.streams.purge("JOBS", { filter: "jobs.a" });
    await eventually(() => assert.deepEqual(recorder.stored.slice(4), ["a2", "a3"]));
    assert.deepEqual([recorder.shed, recorder.duplicates], [[], []]);
  });
}

test("more subjects that are full than the window has places do not hold up the others", async (t) => {
  const { jsm, lane, recorder } = await setup(t, { inFlight: 4 });
  await addStream(jsm, ONE_PER_SUBJECT);
  const full = Array.from({ length: 10 }, (_, i) => `full${i}`);
  for (const sender of full) lane.offer(sent(sender, `${sender}.1`));
  await eventually(() => assert.equal(recorder.stored.length, 10));
  for (const sender of full) lane.offer(sent(sender, `${sender}.2`));

  for (let n = 0; n < 200; n += 1) lane.offer(makeMessage(`m${n}`, { subject: `jobs.node${n}` }));

  await eventually(() => assert.equal(recorder.stored.length, 210));
  assert.equal(lane.messages, 10);
});

test("a subject that may not be published to holds up its own sender only", async (t) => {
  const { jsm, lane, recorder } = await setupDenied(t, denying('publish: { deny: "jobs.a" }'), { ackTimeoutMs: 200 });
  await addStream(jsm);
  lane.offer(sent("a", "a1", FROM_SOURCE));
  await eventually(() => assert.ok(recorder.failures.length >= 2, "not yet"));

  for (const id of ["b1", "b2", "b3"]) lane.offer(sent("b", id, FROM_SOURCE));

  await eventually(() => assert.deepEqual(recorder.stored, ["b1", "b2", "b3"]));
});

test("what fails for a reason of its own takes a quarter of the window, however much of it there is", async (t) => {
  const { jsm, lane, recorder } = await setupDenied(t, denying('publish: { deny: "jobs.no.*" }'), {
    ackTimeoutMs: 200,
    inFlight: 8,
  });
  await addStream(jsm);
  for (let n = 0; n < 6; n += 1) lane.offer(sent(`no.${n}`, `no${n}`, FROM_SOURCE));
  await eventually(() => assert.ok(recorder.failures.length >= 6, "not yet"));
  lane.offer(sent("b", "b")); // whatever fails from now on fails although this one is stored
  await eventually(() => assert.ok(recorder.failures.length >= 13, "not yet"));

  let most = 0;
  await eventually(() => {
    most = Math.max(most, lane.inFlight);
    assert.ok(recorder.failures.length >= 24, "not yet");
  });

  assert.ok(most <= 2, `${most} in flight`);
  assert.deepEqual(recorder.stored, ["b"]);
});

test("nothing is published while the server refuses the inbox for PubAcks, and everything once when it no longer does", async (t) => {
  // The shortest window: whatever is sent again unheard is stored again.
  const { nats, jsm, connection, lane, recorder } = await setupDenied(t, NO_REPLIES, { ackTimeoutMs: 100 });
  await addStream(jsm, { duplicate_window: 100_000_000 });
  await connection.flush(); // the refusal arrives before the answer to this

  for (const id of ["a", "b"]) lane.offer(makeMessage(id));
  await eventually(() => assert.ok(lane.failingForMs > 1_500, "not yet"));
  assert.deepEqual(await storedBodies(jsm), []);
  assert.equal(lane.suspended, true);
  await nats.change(EVERYTHING);

  await eventually(() => assert.deepEqual(recorder.stored, ["a", "b"]));
  assert.deepEqual(await storedBodies(await nats.jsm()), ["a", "b"]);
});

test("nothing is published while the inbox is asked for again, until the server has it", async (t) => {
  const { jsm, connection, lane } = await setupDenied(t, NO_REPLIES);
  await addStream(jsm);
  await connection.flush(); // the refusal arrives before the answer to this
  assert.equal(lane.suspended, true);

  const renewed = standingOn(connection).map((inbox) => inbox.renew());
  lane.offer(makeMessage("a"));

  assert.deepEqual(await Promise.all(renewed), [false]);
  await connection.flush(); // what was published is stored before the answer to this
  assert.deepEqual(await storedBodies(jsm), []);
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
