import assert from "node:assert/strict";
import { createHash, randomUUID } from "node:crypto";
import { type TestContext, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { Worker } from "../../functions/consumer/worker.ts";
import { parseConfig } from "../../shared/config/load.ts";
import { Bucket } from "../../shared/jetstream/buckets.ts";
import { makeChannel } from "../../shared/jetstream/channel.ts";
import { openOnceBucket } from "../../shared/jetstream/once-bucket.ts";
import { SinkRefusedError, SinkUnavailableError } from "../../shared/jobs/errors.ts";
import { jetStreamSink } from "../../shared/sinks/jetstream.ts";
import { type OnceClock, onceGuard } from "../../shared/sinks/once.ts";
import type { Sink } from "../../shared/sinks/sink.ts";
import { compileTemplate } from "../../shared/subjects/template.ts";
import { createLogger } from "../../shared/telemetry/log.ts";
import { eventually } from "../support/eventually.ts";
import { startNats, type TestNats } from "../support/nats.ts";
import { makeOutbound, never, type SinkUnderTest, testSinkContract } from "../support/sink-contract.ts";

const CLOCK: OnceClock = { now: () => performance.now(), serverNow: Date.now };
const HOUR = 3_600_000;
const SPEC = { name: "ONCE", storage: "file", replicas: 1, maxAgeMs: HOUR } as const;

/** A real target that keeps every copy, because each write has an id of its own there; it answers after `answered`. */
function withoutDeduplication(sink: Sink, answered: Promise<void>): Sink {
  return {
    name: sink.name,
    async write(message, signal) {
      const receipt = await sink.write({ ...message, id: `${message.id}#${randomUUID()}` }, signal);
      await answered;
      return receipt;
    },
    [Symbol.asyncDispose]: () => sink[Symbol.asyncDispose](),
  };
}

/** A guarded sink as one process has it. */
async function openSink(nats: TestNats, { clock = CLOCK, maxAgeMs = HOUR, answered = Promise.resolve() } = {}) {
  const connection = await nats.connect();
  const channel = makeChannel(connection, 1_000, () => performance.now());
  const settings = { name: "store", stream: "OUT", subject: compileTemplate("out.{sender}") };
  const bucket = await Bucket.open(connection, { ...SPEC, maxAgeMs });
  const sink = onceGuard(withoutDeduplication(jetStreamSink(channel, settings), answered), bucket, clock);
  return { connection, bucket, sink };
}

async function setup(t: TestContext, options: Parameters<typeof openSink>[1] = {}) {
  const nats = await startNats(t);
  const jsm = await nats.jsm();
  const makeTarget = () => jsm.streams.add({ name: "OUT", subjects: ["out.>"] });
  await makeTarget();
  const stored = async () => {
    const { state } = await jsm.streams.info("OUT");
    const found: { id: string; body: Uint8Array }[] = [];
    for (let seq = Math.max(1, state.first_seq); seq <= state.last_seq; seq++) {
      const { header, data } = await jsm.streams.getMessage("OUT", { seq });
      found.push({ id: header.get("Nats-Msg-Id").split("#")[0] ?? "", body: data });
    }
    return found;
  };
  return { nats, jsm, makeTarget, stored, ...(await openSink(nats, options)) };
}

const keyOf = (id: string) => createHash("sha256").update(id).digest("hex");

testSinkContract("guarded sink", async (t): Promise<SinkUnderTest> => {
  const { sink, stored, jsm, connection } = await setup(t);
  const refused = makeOutbound({ body: new Uint8Array((connection.info?.max_payload ?? 0) + 1) });
  return { sink, stored, refused, breakTarget: async () => void (await jsm.streams.delete("OUT")) };
});

test("an id that was written is not written again after the server was killed and another process asks", async (t) => {
  const { nats, sink, stored } = await setup(t);
  await sink.write(makeOutbound(), never);

  await nats.server.kill("SIGKILL");
  await nats.server.restart();
  const { sink: next } = await openSink(nats);

  assert.deepEqual(await next.write(makeOutbound(), never), { duplicate: true });
  await eventually(async () => assert.equal((await stored()).length, 1));
});

test("an id is forgotten when its window is over", async (t) => {
  const { sink, stored } = await setup(t, { maxAgeMs: 1_500 });
  await sink.write(makeOutbound(), never);

  await eventually(async () => assert.deepEqual(await sink.write(makeOutbound(), never), { duplicate: false }));

  assert.equal((await stored()).length, 2);
});

test("writes of one id by several processes at once store it once, and each is told", async (t) => {
  const { nats, sink, stored } = await setup(t);
  const sinks = [sink, (await openSink(nats)).sink, (await openSink(nats)).sink];
  const ids = Array.from({ length: 20 }, (_, index) => `id-${index}`);

  const receipts = await Promise.all(
    ids.flatMap((id) => sinks.map((process) => process.write(makeOutbound({ id }), never))),
  );

  assert.equal(receipts.filter(({ duplicate }) => duplicate).length, 40);
  assert.ok(receipts.every(({ maybeDuplicate }) => maybeDuplicate === undefined));
  assert.deepEqual((await stored()).map(({ id }) => id).sort(), [...ids].sort());
});

test("nothing is written while the bucket does not answer, and the failure is retryable", async (t) => {
  const { sink, jsm, stored } = await setup(t);
  await jsm.streams.delete("KV_ONCE");

  const error: unknown = await sink.write(makeOutbound(), never).catch((reason: unknown) => reason);

  assert.ok(error instanceof SinkUnavailableError, String(error));
  assert.deepEqual(await stored(), []);
});

test("a bucket whose server is gone is a sink that is unavailable", async (t) => {
  const { sink, nats } = await setup(t);
  await nats.server.kill("SIGKILL");

  await assert.rejects(sink.write(makeOutbound(), never), SinkUnavailableError);
});

test("a write that ended without an answer is repeated, and said to be a duplicate perhaps", async (t) => {
  const { sink, jsm, makeTarget, stored } = await setup(t);
  await jsm.streams.delete("OUT");
  await assert.rejects(sink.write(makeOutbound(), never), SinkUnavailableError);
  await makeTarget();

  assert.deepEqual(await sink.write(makeOutbound(), never), { duplicate: false, maybeDuplicate: true });
  assert.deepEqual(await sink.write(makeOutbound(), never), { duplicate: true });
  assert.equal((await stored()).length, 1);
});

test("a writer that fell silent is waited for, and then its id is written, a duplicate perhaps", async (t) => {
  let now = 0;
  const clock = { now: () => now, serverNow: () => 0 }; // however wrong the clock is
  const { sink, bucket, stored } = await setup(t, { clock });
  await bucket.put(keyOf("id-1"), "writing"); // what a process leaves that dies between the mark and the end of its write

  const writing = sink.write(makeOutbound(), never);
  const first = await Promise.race([writing, wait(1_000, "waits")]);
  now = 11_000;

  assert.equal(first, "waits");
  assert.deepEqual(await writing, { duplicate: false, maybeDuplicate: true });
  assert.equal((await stored()).length, 1);
});

test("a mark that is old by the server's clock is taken over at once: its process has died long ago", async (t) => {
  const clock = { now: () => 0, serverNow: () => Date.now() + HOUR };
  const { sink, bucket } = await setup(t, { clock });
  await bucket.put(keyOf("id-1"), "writing");

  assert.deepEqual(await sink.write(makeOutbound(), never), { duplicate: false, maybeDuplicate: true });
});

test("a message that the target refuses leaves no mark behind", async (t) => {
  const { sink, bucket, connection } = await setup(t);
  const tooLarge = makeOutbound({ body: new Uint8Array((connection.info?.max_payload ?? 0) + 1) });

  await assert.rejects(sink.write(tooLarge, never), SinkRefusedError);

  assert.equal(await bucket.get(keyOf("id-1")), null);
  assert.deepEqual(await sink.write(makeOutbound(), never), { duplicate: false });
});

test("a write that outlives its run is marked when it ends: the run's repetition stores nothing", async (t) => {
  let answer = (): void => {};
  const answered = new Promise<void>((resolve) => {
    answer = resolve;
  });
  const { sink, stored, bucket } = await setup(t, { answered });
  const run = new AbortController();
  const write = sink.write(makeOutbound(), run.signal);
  await eventually(async () => assert.equal((await stored()).length, 1));

  run.abort(new Error("the run is over"));
  await assert.rejects(write, /the run is over/);
  assert.equal((await bucket.get(keyOf("id-1")))?.text, "writing");
  answer();

  assert.deepEqual(await sink.write(makeOutbound(), never), { duplicate: true });
  assert.equal((await bucket.get(keyOf("id-1")))?.text, "done");
  assert.equal((await stored()).length, 1);
});

test("a run that is over before its id is marked writes nothing, and leaves the id free", async (t) => {
  const { nats, sink, stored, bucket } = await setup(t);
  const run = new AbortController();
  await nats.server.kill("SIGSTOP");
  const write = sink.write(makeOutbound(), run.signal);
  run.abort(new Error("the run is over"));
  await assert.rejects(write, /the run is over/);

  await nats.server.kill("SIGCONT");

  await eventually(async () => assert.equal(await bucket.get(keyOf("id-1")), null));
  assert.deepEqual(await stored(), []);
  assert.deepEqual(await sink.write(makeOutbound(), never), { duplicate: false });
});

test("a bucket of another window is refused, and changed when asked to", async (t) => {
  const { jsm, connection } = await setup(t);
  const longer = { ...SPEC, maxAgeMs: 2 * HOUR };

  await assert.rejects(
    openOnceBucket(connection, longer, { apply: false }),
    /max_age: configured 7200s, on the server 3600s/,
  );
  await openOnceBucket(connection, longer, { apply: true });

  assert.equal((await jsm.streams.info("KV_ONCE")).config.max_age, 2 * HOUR * 1e6);
  await openOnceBucket(connection, longer, { apply: false });
});

test("a sink with once stores an output once although its stream has forgotten the id", async (t) => {
  const nats = await startNats(t);
  const config = parseConfig(
    `
connections: { main: { servers: ["${nats.url}"] } }
trust: { v2: { trustedSigners: ["${"ab".repeat(32)}"] } }
streams:
  IN: { connection: main, subject: "in.{sender}", allowUnprovenSender: true, duplicateWindow: 100ms }
  OUT: { connection: main, subject: "out.{sender}", retention: limits, allowUnprovenSender: true, duplicateWindow: 100ms }
sinks: { store: { type: jetstream, to: OUT, once: 1h } }
jobs: { work: { stream: IN, sink: store, timeout: 20s } }
`,
    "test.yaml",
    {},
  );
  const connect = () => nats.connect();
  const unwrap = (body: Uint8Array) => body;
  const loadHandler = () => Promise.reject(new Error("the test has no handler"));
  const log = createLogger("test", "silent");
  const options = {
    worker: "w1",
    config,
    file: "test.yaml",
    only: null,
    loadHandler,
    connect,
    apply: false,
    unwrap,
    log,
  };
  const worker = await Worker.start(options);
  t.after(() => worker.stop(2_000));
  const client = await nats.connect();
  const put = (subject: string, msgID: string) => client.jetstream().publish(subject, "x", { msgID });
  const { settled } = worker.counters.of("work");

  await put("in.n1", "m1");
  await eventually(() => assert.equal(settled.done, 1));
  await put("out.n1", "probe");
  await eventually(async () => assert.equal((await put("out.n1", "probe")).duplicate, false));
  await eventually(async () => assert.equal((await put("in.n1", "m1")).duplicate, false));
  await eventually(() => assert.equal(settled.done, 2));

  const ids = [];
  const jsm = await nats.jsm();
  for (let seq = 1; seq <= (await jsm.streams.info("OUT")).state.last_seq; seq++) {
    ids.push((await jsm.streams.getMessage("OUT", { seq })).header.get("Nats-Msg-Id"));
  }
  assert.equal(ids.filter((id) => id !== "probe").length, 1);
  assert.equal(worker.counters.of("work").publishedDuplicates, 1);
});
