import assert from "node:assert/strict";
import { test } from "node:test";
import { type JsMsg, type Msg, type NatsConnection, RetentionPolicy } from "nats";
import {
  epochOf,
  openPartitionConsumer,
  partitionDurable,
  removePartitionConsumer,
} from "../../../shared/jetstream/partition-consumer.ts";
import { makeBucket, makeLeaseSettings, takeLease } from "../../support/leases.ts";
import { startNats } from "../../support/nats.ts";

const PARTITION = { job: "work", stream: "IN", partition: 3, filterSubject: "in.3.>", maxAckPending: 100 };
const KEY = "lease.work.3";

async function setup(t: Parameters<typeof startNats>[0]) {
  const nats = await startNats(t);
  const connection = await nats.connect();
  const jsm = await nats.jsm();
  await makeBucket(connection);
  await jsm.streams.add({ name: "IN", subjects: ["in.>"], retention: RetentionPolicy.Workqueue });
  const owner = async (worker: string) => {
    const lease = await takeLease(makeLeaseSettings(connection, worker), KEY);
    const durable = await openPartitionConsumer(jsm, PARTITION, lease);
    assert.ok(durable !== null, "no consumer");
    return { lease, durable };
  };
  const put = async (count: number): Promise<void> => {
    for (let index = 1; index <= count; index++) await connection.jetstream().publish("in.3.n1", `m${index}`);
  };
  const consumers = async () => (await jsm.consumers.list("IN").next()).map(({ name }) => name).sort();
  return { connection, jsm, owner, put, consumers };
}

async function pull(connection: NatsConnection, durable: string, most: number): Promise<JsMsg[]> {
  const consumer = await connection.jetstream().consumers.get("IN", durable);
  const messages: JsMsg[] = [];
  for await (const message of await consumer.fetch({ max_messages: most, expires: 1_000 })) messages.push(message);
  return messages;
}

function ackSubjectOf(message: JsMsg): string {
  const { msg } = message as unknown as { readonly msg: Msg };
  assert.match(msg.reply ?? "", /^\$JS\.ACK\..*IN\.work-p3-\d+\./);
  return msg.reply ?? "";
}

const told = (messages: readonly JsMsg[]) => messages.map((message) => [message.string(), message.info.deliveryCount]);

for (const verb of ["+ACK", "-NAK", "+TERM", "+WPI"]) {
  test(`a late ${verb} of a former owner changes nothing: the message stays with the new one, delivered once`, async (t) => {
    const { connection, jsm, owner, put } = await setup(t);
    await put(3);
    const old = await pull(connection, (await owner("a")).durable, 3);
    const { durable } = await owner("b");
    const taken = await pull(connection, durable, 3);

    for (const subject of old.map(ackSubjectOf)) {
      const answer = await connection.request(subject, verb, { timeout: 2_000 }).then(
        () => "answered",
        (error: Error) => error.message,
      );
      assert.match(answer, /503/); // nobody listens there any more
    }

    assert.deepEqual(told(taken), [
      ["m1", 1],
      ["m2", 1],
      ["m3", 1],
    ]);
    assert.equal((await jsm.streams.info("IN")).state.messages, 3);
    assert.deepEqual(await pull(connection, durable, 3), []);
    assert.equal((await jsm.consumers.info("IN", durable)).num_ack_pending, 3);
  });
}

test("what a former owner left unsettled comes again in order, from its first, and what it settled does not", async (t) => {
  const { connection, owner, put } = await setup(t);
  await put(6);
  const old = await pull(connection, (await owner("a")).durable, 4);
  await old[1]?.ackAck();

  const { durable, lease } = await owner("b");

  assert.deepEqual(told(await pull(connection, durable, 10)), [
    ["m1", 1],
    ["m3", 1],
    ["m4", 1],
    ["m5", 1],
    ["m6", 1],
  ]);
  assert.equal(lease.record.deliveredUpTo, 4);
});

test("a former owner that thaws cannot make its consumer again, nor remove that of its successor", async (t) => {
  const { connection, jsm, consumers } = await setup(t);
  const former = await takeLease(makeLeaseSettings(connection, "a"), KEY); // frozen here, before it made its consumer
  const lease = await takeLease(makeLeaseSettings(connection, "b"), KEY);
  const durable = await openPartitionConsumer(jsm, PARTITION, lease);

  assert.equal(await openPartitionConsumer(jsm, PARTITION, former), null);

  assert.deepEqual(await consumers(), [durable]);
});

test("a consumer that a former owner slipped in is found by its overlap, counted and removed", async (t) => {
  const { connection, jsm, put, consumers } = await setup(t);
  await put(2);
  const first = await takeLease(makeLeaseSettings(connection, "a"), KEY);
  const slipped = await openPartitionConsumer(jsm, PARTITION, first);
  await pull(connection, slipped ?? "", 2);
  const settings = makeLeaseSettings(connection, "b");
  const second = await takeLease(settings, KEY);
  await second.renew({ consumer: "" }); // as if it had never been noted

  const durable = await openPartitionConsumer(jsm, PARTITION, second);

  assert.deepEqual(await consumers(), [durable]);
  assert.equal(second.record.deliveredUpTo, 2);
});

test("an owner that crashes before its first message forgets nothing that owners before it delivered", async (t) => {
  const { connection, owner, put } = await setup(t);
  await put(5);
  await pull(connection, (await owner("a")).durable, 5);

  await owner("b");
  const { lease } = await owner("c");

  assert.equal(lease.record.deliveredUpTo, 5);
});

test("when the bucket was made anew, epochs go on above those of the consumers that are there", async (t) => {
  const { connection, jsm, owner, consumers } = await setup(t);
  for (let count = 0; count < 4; count++) await owner("a");
  await jsm.streams.delete("KV_TEST_STATE");
  await makeBucket(connection);

  const { durable } = await owner("b");

  assert.deepEqual(await consumers(), [durable]);
  assert.ok((epochOf(PARTITION, durable) ?? 0) > 7, durable);
});

test("an owner starts anew under its own lease, with a larger epoch", async (t) => {
  const { jsm, owner, consumers } = await setup(t);
  const { lease, durable } = await owner("a");

  assert.equal(await lease.nextEpoch(), true);
  const next = await openPartitionConsumer(jsm, PARTITION, lease);

  assert.notEqual(next, durable);
  assert.deepEqual(await consumers(), [next]);
});

test("another consumer on the partition is refused with what to do about it", async (t) => {
  const { connection, jsm } = await setup(t);
  await jsm.consumers.add("IN", { durable_name: "work", filter_subject: "in.3.>", ack_policy: "explicit" as never });
  const lease = await takeLease(makeLeaseSettings(connection, "a"), KEY);

  await assert.rejects(openPartitionConsumer(jsm, PARTITION, lease), /another consumer of stream "IN" .* remove it/);
});

test("removing a consumer that is gone already is no failure", async (t) => {
  const { jsm } = await setup(t);

  assert.equal(await removePartitionConsumer(jsm, PARTITION, partitionDurable(PARTITION, 7)), true);
});

test("durables of other partitions and jobs are none of this partition", () => {
  const names = ["work-p3-12", "work-p30-1", "work-p3-", "work-p3-x", "work2-p3-1", "work"];

  assert.deepEqual(
    names.map((name) => epochOf(PARTITION, name)),
    [12, null, null, null, null, null],
  );
});
