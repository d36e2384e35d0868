import assert from "node:assert/strict";
import test, { type TestContext } from "node:test";
import { AckPolicy, type JetStreamManager, NatsError, nanos } from "nats";
import type { ConsumerSpec, StreamSpec } from "../../../shared/jetstream/spec.ts";
import { compareConsumer, compareStream, ensureConsumer, ensureStream } from "../../../shared/jetstream/topology.ts";
import { TopologyError, TopologyRefusedError } from "../../../shared/jetstream/topology-error.ts";
import { startNats } from "../../support/nats.ts";

const KEEP = { apply: false };
const APPLY = { apply: true };

async function setup(t: TestContext): Promise<JetStreamManager> {
  return (await startNats(t)).jsm();
}

function makeStream(overrides: Partial<StreamSpec> = {}): StreamSpec {
  return {
    name: "INVENTORY",
    subjects: ["choria.reg.>"],
    retention: "workqueue",
    storage: "file",
    replicas: 1,
    maxBytes: 1_000_000,
    maxMessages: -1,
    maxMessagesPerSubject: -1,
    maxAgeMs: 0,
    discard: "new",
    duplicateWindowMs: 300_000,
    ...overrides,
  };
}

function makeConsumer(overrides: Partial<ConsumerSpec> = {}): ConsumerSpec {
  return {
    stream: "INVENTORY",
    durable: "work",
    filterSubject: null,
    ackWaitMs: 60_000,
    maxAckPending: 500,
    maxDeliver: -1,
    ...overrides,
  };
}

function settingsOf(error: unknown): readonly string[] {
  assert.ok(error instanceof TopologyError, String(error));
  return error.differences.map(({ setting }) => setting);
}

test("a missing stream is created as configured, and the second time it is unchanged", async (t) => {
  const jsm = await setup(t);
  const spec = makeStream();

  assert.equal(await ensureStream(jsm, spec, KEEP), "created");
  assert.equal(await ensureStream(jsm, spec, KEEP), "unchanged");

  const { config } = await jsm.streams.info("INVENTORY");
  assert.deepEqual(
    [config.retention, config.discard, config.max_bytes, config.duplicate_window],
    ["workqueue", "new", 1_000_000, nanos(300_000)],
  );
});

test("processes that start together make one stream and one consumer", async (t) => {
  const jsm = await setup(t);

  const streams = await Promise.all([1, 2, 3].map(() => ensureStream(jsm, makeStream(), KEEP)));
  const consumers = await Promise.all([1, 2, 3].map(() => ensureConsumer(jsm, makeConsumer(), KEEP)));

  assert.ok([...streams, ...consumers].every((result) => result === "created" || result === "unchanged"));
});

test("a stream with other settings is refused, each of them named with both values", async (t) => {
  const jsm = await setup(t);
  await ensureStream(jsm, makeStream(), KEEP);
  const wanted = makeStream({ maxBytes: 2_000_000, maxAgeMs: 3_600_000, subjects: ["choria.reg.>", "extra"] });

  await assert.rejects(ensureStream(jsm, wanted, KEEP), (error) => {
    assert.deepEqual(settingsOf(error), ["subjects", "max_bytes", "max_age"]);
    assert.match(String(error), /stream "INVENTORY" differs/);
    assert.match(String(error), /max_bytes: configured 2000000, on the server 1000000 \(can be changed with --apply\)/);
    assert.match(String(error), /max_age: configured 3600s, on the server none/);
    return true;
  });
});

test("apply changes what JetStream lets change, and keeps the messages", async (t) => {
  const jsm = await setup(t);
  await ensureStream(jsm, makeStream(), KEEP);
  await jsm.jetstream().publish("choria.reg.web1", "kept");
  const wanted = makeStream({ maxBytes: 2_000_000, duplicateWindowMs: 60_000, discard: "old", maxMessages: 7 });

  assert.equal(await ensureStream(jsm, wanted, APPLY), "updated");

  assert.deepEqual(await compareStream(jsm, wanted), []);
  assert.equal((await jsm.streams.info("INVENTORY")).state.messages, 1);
});

test("what JetStream cannot change is named, and nothing else is changed with it", async (t) => {
  const jsm = await setup(t);
  await ensureStream(jsm, makeStream(), KEEP);
  const wanted = makeStream({ retention: "limits", storage: "memory", maxBytes: 2_000_000 });

  await assert.rejects(ensureStream(jsm, wanted, APPLY), (error) => {
    assert.ok(error instanceof TopologyError);
    const fixed = error.differences.filter(({ isChangeable }) => !isChangeable);
    assert.deepEqual(
      fixed.map(({ setting }) => setting),
      ["retention", "storage"],
    );
    assert.match(error.message, /retention: .*cannot be changed: .* use a new name/);
    return true;
  });
  assert.equal((await jsm.streams.info("INVENTORY")).config.max_bytes, 1_000_000);
});

test("a full subject refuses new messages where the stream does", async (t) => {
  const jsm = await setup(t);
  await ensureStream(jsm, makeStream({ maxMessagesPerSubject: 1 }), KEEP);
  const js = jsm.jetstream();
  await js.publish("choria.reg.web1", "first");

  await assert.rejects(js.publish("choria.reg.web1", "second"), (error) => {
    assert.ok(error instanceof NatsError);
    assert.equal(error.api_error?.description, "maximum messages per subject exceeded");
    return true;
  });
});

test("a stream whose subjects another one holds is refused with the server's reason", async (t) => {
  const jsm = await setup(t);
  await ensureStream(jsm, makeStream(), KEEP);

  await assert.rejects(ensureStream(jsm, makeStream({ name: "OTHER" }), KEEP), (error) => {
    assert.ok(error instanceof TopologyRefusedError);
    assert.match(error.message, /stream "OTHER": subjects overlap with an existing stream/);
    return true;
  });
});

test("a missing consumer is created with explicit acks and unbounded deliveries", async (t) => {
  const jsm = await setup(t);
  await ensureStream(jsm, makeStream(), KEEP);
  const spec = makeConsumer({ filterSubject: "choria.reg.web.>" });

  assert.equal(await compareConsumer(jsm, spec), "missing");
  assert.equal(await ensureConsumer(jsm, spec, KEEP), "created");
  assert.equal(await ensureConsumer(jsm, spec, KEEP), "unchanged");

  const { config } = await jsm.consumers.info("INVENTORY", "work");
  assert.deepEqual(
    [config.ack_policy, config.max_deliver, config.max_ack_pending, config.ack_wait, config.filter_subject],
    ["explicit", -1, 500, nanos(60_000), "choria.reg.web.>"],
  );
});

test("a consumer with bounded deliveries, a backoff or another filter is refused, and mended by apply", async (t) => {
  const jsm = await setup(t);
  await ensureStream(jsm, makeStream(), KEEP);
  await jsm.consumers.add("INVENTORY", {
    durable_name: "work",
    ack_policy: AckPolicy.Explicit,
    filter_subject: "choria.reg.a.>",
    max_deliver: 5,
    backoff: [nanos(60_000), nanos(90_000)],
  });
  const spec = makeConsumer();

  await assert.rejects(ensureConsumer(jsm, spec, KEEP), (error) => {
    assert.deepEqual([...settingsOf(error)].sort(), ["backoff", "filter_subject", "max_ack_pending", "max_deliver"]);
    return true;
  });
  assert.equal(await ensureConsumer(jsm, spec, APPLY), "updated");
  assert.deepEqual(await compareConsumer(jsm, spec), []);
});

test("a consumer with several filters is mended too", async (t) => {
  const { jsm: open, serverVersion } = await startNats(t);
  const jsm = await open();
  await ensureStream(jsm, makeStream(), KEEP);
  const several = {
    durable_name: "work",
    ack_policy: AckPolicy.Explicit,
    filter_subjects: ["choria.reg.a", "choria.reg.b"],
  };
  // 2.9 knows one filter only, and the client does not even send it several
  if (serverVersion.startsWith("2.9."))
    return assert.rejects(jsm.consumers.add("INVENTORY", several), /requires server/);
  await jsm.consumers.add("INVENTORY", several);

  assert.equal(await ensureConsumer(jsm, makeConsumer({ filterSubject: "choria.reg.a" }), APPLY), "updated");
});

test("a second consumer of the same messages of a work queue is refused with the way out", async (t) => {
  const jsm = await setup(t);
  await ensureStream(jsm, makeStream(), KEEP);
  await ensureConsumer(jsm, makeConsumer(), KEEP);

  await assert.rejects(ensureConsumer(jsm, makeConsumer({ durable: "second" }), KEEP), (error) => {
    assert.ok(error instanceof TopologyRefusedError);
    assert.match(error.message, /another consumer already takes these messages/);
    return true;
  });
});

test("a consumer of a stream that does not exist is refused", async (t) => {
  const jsm = await setup(t);

  await assert.rejects(ensureConsumer(jsm, makeConsumer(), KEEP), /stream not found/);
});
