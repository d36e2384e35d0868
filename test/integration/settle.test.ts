import assert from "node:assert/strict";
import { test } from "node:test";
import type { Delivery } from "../../shared/jetstream/delivery.ts";
import { Pull } from "../../shared/jetstream/pull.ts";
import { type SettleSettings, settle } from "../../shared/jetstream/settle.ts";
import type { Decision } from "../../shared/jobs/outcome.ts";
import { eventually } from "../support/eventually.ts";
import { startNats } from "../support/nats.ts";
import { makeQueue, type TestQueue } from "../support/queue.ts";

const death = () => ({
  job: "inventory",
  handler: "store",
  reason: "NO_SUCH_HOST",
  detail: "line one\nline two",
  attempts: 3,
  diedAt: new Date("2026-11-20T10:00:00Z"),
});

interface Setup extends TestQueue {
  deliver(body: string | Uint8Array, headers?: Record<string, string>): Promise<Delivery>;
  settle(delivery: Delivery, decision: Decision, changes?: Partial<SettleSettings>): ReturnType<typeof settle>;
}

async function setup(t: Parameters<typeof startNats>[0]): Promise<Setup> {
  const queue = await makeQueue(await startNats(t), { ackWaitMs: 30_000 });
  const deliveries: Delivery[] = [];
  const observer = { delivered: (d: Delivery) => void deliveries.push(d), exhausted() {}, trouble() {}, returned() {} };
  const settings = { stream: "JOBS", durable: "work", prefetch: () => 10, noWait: false };
  const pull = new Pull(queue.connection, settings, observer, () => performance.now());
  t.after(() => pull.close());
  return {
    ...queue,
    async deliver(body, headers) {
      const sequence = await queue.put(body, headers);
      return eventually(
        () => deliveries.find((delivery) => delivery.streamSequence === sequence) ?? assert.fail("not delivered"),
      );
    },
    settle(delivery, decision, changes = {}) {
      const deadLetters = { channel: queue.channel, stream: "DEAD", subjectPrefix: "DEAD" };
      const common = { ...queue.channel, deadLetters, ackWaitMs: 30_000, now: () => performance.now() };
      return settle({ ...common, ...changes }, { delivery, decision, death });
    },
  };
}

test("done is a confirmed +ACK, and the message is gone when it resolves", async (t) => {
  const { deliver, settle, acks, messages } = await setup(t);

  const settled = await settle(await deliver("a"), { type: "done" });

  assert.equal(settled, "confirmed");
  assert.equal(await messages(), 0);
  await eventually(() => assert.deepEqual(acks, ["+ACK"]));
});

test("retry is a nak with the delay in nanoseconds, and the message comes again after it", async (t) => {
  const { deliver, settle, acks, consumer } = await setup(t);

  const settled = await settle(await deliver("a"), { type: "retry", delayMs: 60_000, reason: "HANDLER_FAILED" });

  assert.equal(settled, "confirmed");
  await eventually(() => assert.deepEqual(acks, ['-NAK {"delay":60000000000}']));
  assert.equal((await consumer()).num_ack_pending, 1);
});

test("drop terminates without a copy", async (t) => {
  const { deliver, settle, acks, messages } = await setup(t);

  await settle(await deliver("a"), { type: "drop", reason: "stale" });

  await eventually(() => assert.deepEqual(acks, ["+TERM"]));
  await eventually(async () => assert.equal(await messages(), 0));
  assert.equal(await messages("DEAD"), 0);
});

test("dead is copied with its story before it is terminated, bare", async (t) => {
  const { deliver, settle, acks, messages, jsm } = await setup(t);
  const body = new Uint8Array([0xff, 0x00, 0x01]);
  const delivery = await deliver(body, { "Nats-Msg-Id": "abc", "Choria-Sender": "n1", "Nats-Rollup-X": "all" });

  const settled = await settle(delivery, { type: "dead", reason: "NO_SUCH_HOST", detail: "" });

  assert.equal(settled, "confirmed");
  await eventually(() => assert.deepEqual(acks, ["+TERM"]));
  await eventually(async () => assert.equal(await messages(), 0));
  const copy = await jsm.streams.getMessage("DEAD", { seq: 1 });
  assert.equal(copy.subject, "DEAD.inventory");
  assert.deepEqual(new Uint8Array(copy.data), body);
  assert.equal(copy.header.get("Choria-Sender"), "n1");
  assert.equal(copy.header.get("Nats-Rollup-X"), "");
  assert.equal(copy.header.get("Dead-Reason"), "NO_SUCH_HOST");
  assert.equal(copy.header.get("Dead-Error"), "line one line two");
  assert.equal(copy.header.get("Dead-Attempts"), "3");
  assert.equal(copy.header.get("Dead-Stream"), "JOBS");
  assert.equal(copy.header.get("Dead-Sequence"), String(delivery.streamSequence));
  assert.equal(copy.header.get("Dead-Subject"), "jobs.a");
  assert.equal(copy.header.get("Dead-Message-Id"), "abc");
});

test("a death settled twice is stored once", async (t) => {
  const { deliver, settle, messages } = await setup(t);
  const delivery = await deliver("a");

  await settle(delivery, { type: "dead", reason: "X", detail: "" });
  await settle(delivery, { type: "dead", reason: "X", detail: "" });

  assert.equal(await messages("DEAD"), 1);
});

test("when the dead-letter stream is away nothing is said about the message", async (t) => {
  const { deliver, settle, acks, jsm, messages } = await setup(t);
  await jsm.streams.delete("DEAD");

  const settled = await settle(await deliver("a"), { type: "dead", reason: "X", detail: "" });

  assert.equal(settled, "not_copied");
  assert.equal(await messages(), 1);
  assert.deepEqual(acks, []);
});

test("a dead message as large as the server takes is kept cut, with its size and digest", async (t) => {
  const { deliver, settle, connection, jsm } = await setup(t);
  const limit = connection.info?.max_payload ?? 0;
  const delivery = await deliver(new Uint8Array(limit - 20));

  const settled = await settle(delivery, { type: "dead", reason: "X", detail: "" });

  assert.equal(settled, "confirmed");
  const copy = await jsm.streams.getMessage("DEAD", { seq: 1 });
  assert.equal(copy.header.get("Dead-Truncated-From"), String(limit - 20));
  assert.match(copy.header.get("Dead-Sha256"), /^[0-9a-f]{64}$/);
  assert.ok(copy.data.length > limit / 2);
});

test("a dead message whose headers fill the server's limit of 64 kB is kept with its story, without them", async (t) => {
  const { deliver, settle, jsm } = await setup(t);
  const delivery = await deliver("body", { "X-Long": "x".repeat(65_400) });

  const settled = await settle(delivery, { type: "dead", reason: "X", detail: "" });

  assert.equal(settled, "confirmed");
  const copy = await jsm.streams.getMessage("DEAD", { seq: 1 });
  assert.equal(copy.header.has("X-Long"), false);
  assert.equal(copy.header.get("Dead-Reason"), "NO_SUCH_HOST");
  assert.equal(copy.string(), "body");
});

test("after the lease nothing is sent: the message may be in other hands", async (t) => {
  const { deliver, settle, acks, messages } = await setup(t);
  const delivery = await deliver("a");
  const late = { now: () => delivery.leaseFromMs + 30_001 };

  const settled = [
    await settle(delivery, { type: "done" }, late),
    await settle(delivery, { type: "retry", delayMs: 0, reason: "" }, late),
    await settle(delivery, { type: "dead", reason: "X", detail: "" }, late),
  ];

  assert.deepEqual(settled, ["lease_over", "lease_over", "lease_over"]);
  assert.deepEqual(acks, []);
  assert.equal(await messages(), 1);
  assert.equal(await messages("DEAD"), 0);
});

test("an ack whose confirmation is lost is sent again", async (t) => {
  const { deliver, settle, channel, messages, acks } = await setup(t);
  const delivery = await deliver("a");

  const settling = settle(delivery, { type: "done" });
  await new Promise(setImmediate); // sent with the end of this turn
  channel.replies.abandon(); // as after a disconnect: the first confirmation will not be recognised

  assert.equal(await settling, "confirmed");
  assert.equal(await messages(), 0);
  await eventually(() => assert.deepEqual(acks, ["+ACK", "+ACK"]));
});

test("acks of a consumer that is gone are unconfirmed, and nothing throws", async (t) => {
  const { deliver, settle, jsm } = await setup(t);
  const delivery = await deliver("a");
  await jsm.consumers.delete("JOBS", "work");

  assert.equal(await settle(delivery, { type: "done" }), "unconfirmed");
});

test("headers that came with a message never steer a publish", async (t) => {
  const { channel, messages, jsm } = await setup(t);
  const { publishOnce } = await import("../../shared/jetstream/publish-once.ts");

  const result = await publishOnce(channel, {
    subject: "DEAD.x",
    stream: "DEAD",
    id: "1",
    headers: [
      ["Nats-Rollup", "all"],
      ["nats-expected-last-sequence", "77"],
      ["Nats-Msg-Id", "other"],
      ["Choria-Sender", "n1"],
    ],
    body: Buffer.from("x"),
  });

  assert.deepEqual(result, { stored: true, sequence: 1, duplicate: false });
  assert.equal(await messages("DEAD"), 1);
  const stored = await jsm.streams.getMessage("DEAD", { seq: 1 });
  assert.deepEqual([...stored.header.keys()].sort(), ["Choria-Sender", "Nats-Expected-Stream", "Nats-Msg-Id"]);
  assert.equal(stored.header.get("Nats-Msg-Id"), "1");
});
