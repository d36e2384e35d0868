import assert from "node:assert/strict";
import { test } from "node:test";
import { headers } from "nats";
import type { Delivery } from "../../shared/jetstream/delivery.ts";
import { Pull, type PullSettings } from "../../shared/jetstream/pull.ts";
import { eventually } from "../support/eventually.ts";
import { startNats, type TestNats } from "../support/nats.ts";
import { makeQueue, type QueueOptions, type TestQueue } from "../support/queue.ts";

type Setup = TestQueue & {
  readonly server: TestNats["server"];
  pull(settings?: Partial<PullSettings>): {
    pull: Pull;
    deliveries: Delivery[];
    troubles: string[];
    exhausted: boolean[];
    returned: Delivery[];
  };
};

async function setup(t: Parameters<typeof startNats>[0], options: QueueOptions = {}): Promise<Setup> {
  const nats = await startNats(t);
  const queue = await makeQueue(nats, options);
  const open: Pull[] = [];
  t.after(() => Promise.all(open.map((pull) => pull.close())));
  return {
    ...queue,
    server: nats.server,
    pull(settings = {}) {
      const seen = { deliveries: [], troubles: [], exhausted: [], returned: [] } as Omit<
        ReturnType<Setup["pull"]>,
        "pull"
      >;
      const pull = new Pull(
        queue.connection,
        { stream: queue.stream, durable: queue.durable, prefetch: () => 10, noWait: false, ...settings },
        {
          delivered: (delivery) => void seen.deliveries.push(delivery),
          exhausted: (nothing) => void seen.exhausted.push(nothing),
          trouble: (detail) => void seen.troubles.push(detail),
          returned: (delivery) => void seen.returned.push(delivery),
        },
        () => performance.now(),
      );
      open.push(pull);
      return { pull, ...seen };
    },
  };
}

test("a delivery tells where its message is stored, when, and how often it was handed over", async (t) => {
  const { put, pull, connection } = await setup(t);
  const before = Date.now();
  const sequence = await put("hello", { "Choria-Sender": "n1.example.net", "Nats-Msg-Id": "id-1" });

  const { deliveries } = pull();

  const delivery = await eventually(() => deliveries[0] ?? assert.fail("nothing delivered"));
  assert.equal(Buffer.from(delivery.data).toString(), "hello");
  assert.equal(delivery.subject, "jobs.a");
  assert.equal(delivery.stream, "JOBS");
  assert.equal(delivery.streamSequence, sequence);
  assert.equal(delivery.deliveryCount, 1);
  assert.ok(Math.abs(delivery.timestampMs - before) < 10_000);
  assert.equal(delivery.header("Choria-Sender"), "n1.example.net");
  assert.equal(delivery.header("No-Such"), "");
  connection.publish(delivery.ackSubject, "-NAK");
  const again = await eventually(() => deliveries[1] ?? assert.fail("not delivered again"));
  assert.equal(again.deliveryCount, 2);
});

test("no more is held than the prefetch allows, and released messages make room", async (t) => {
  const { put, pull, connection, consumer } = await setup(t);
  for (let index = 0; index < 25; index++) await put(`m${index}`);

  const { pull: open, deliveries } = pull({ prefetch: () => 10 });

  await eventually(() => assert.equal(deliveries.length, 10));
  assert.equal((await consumer()).num_ack_pending, 10);
  for (let done = 0; done < 25; done++) {
    const delivery = await eventually(() => deliveries[done] ?? assert.fail(`message ${done} is missing`));
    connection.publish(delivery.ackSubject, "+ACK");
    open.release();
    assert.ok(open.held <= 10);
  }
  await eventually(async () => assert.equal((await consumer()).num_ack_pending, 0));
});

test("no more bytes come than there is room for, also when they fit to the last byte", async (t) => {
  const { put, pull, consumer } = await setup(t);
  for (let index = 0; index < 9; index++) await put("x".repeat(1_000));
  const { pull: measuring, deliveries: measured } = pull({ prefetch: () => 1 });
  const { size } = await eventually(() => measured[0] ?? assert.fail("nothing delivered"));
  await measuring.close();
  let roomBytes = 3 * size;

  const { pull: open, deliveries } = pull({ roomBytes: () => roomBytes });
  await eventually(() => assert.equal(deliveries.length, 3));
  assert.equal((await consumer()).num_pending, 5);
  roomBytes = 5.5 * size;
  for (let released = 0; released < 3; released++) open.release();

  await eventually(() => assert.equal(deliveries.length, 8));
});

test("the room for bytes is looked up once for a pull", async (t) => {
  const { pull } = await setup(t);
  let looks = 0;

  pull({ roomBytes: () => 1_000 + looks++ });

  assert.equal(looks, 1);
});

test("a message that is larger than the room comes by itself, once no other is held", async (t) => {
  const { put, pull, consumer } = await setup(t);
  for (const text of ["small", "x".repeat(5_000), "small"]) await put(text);

  const { pull: open, deliveries, troubles } = pull({ roomBytes: () => 2_000 });
  await eventually(async () => assert.deepEqual([deliveries.length, (await consumer()).num_waiting], [1, 0]));
  open.release();

  await eventually(() => assert.equal(deliveries.length, 3));
  assert.deepEqual(
    deliveries.map(({ data }) => data.length),
    [5, 5_000, 5],
  );
  assert.deepEqual(troubles, []);
});

test("closing leaves no pull open: what is stored next goes to another worker at once, as its first delivery", async (t) => {
  const { put, pull } = await setup(t, { ackWaitMs: 20_000 });
  const first = pull();
  await first.pull.close();

  for (let index = 0; index < 5; index++) await put(`m${index}`);
  const second = pull();

  await eventually(() => assert.equal(second.deliveries.length, 5));
  assert.deepEqual(
    second.deliveries.map(({ deliveryCount }) => deliveryCount),
    [1, 1, 1, 1, 1],
  );
  assert.equal(first.deliveries.length, 0);
});

test("messages already on their way at close are given back, not lost until their lease ends", async (t) => {
  const { put, pull, consumer, acks } = await setup(t, { ackWaitMs: 60_000 });
  for (let index = 0; index < 10; index++) await put(`m${index}`);
  const first = pull();

  await first.pull.close(); // the pull has been sent, nothing has been read yet

  assert.equal(first.deliveries.length, 0);
  const second = pull();
  await eventually(() => assert.equal(second.deliveries.length, 10));
  assert.equal((await consumer()).num_ack_pending, 10);
  assert.equal(acks.filter((ack) => ack === "-NAK").length, first.returned.length);
});

test("a server that was silent for long and comes back brings no more than the prefetch allows", async (t) => {
  const { pull, connection, consumer, messages, server } = await setup(t);
  const { deliveries, troubles } = pull({ prefetch: () => 10 });
  await connection.flush();
  await server.kill("SIGSTOP");
  await eventually(() => assert.match(troubles[0] ?? "", /neither messages nor heartbeats/));

  for (let index = 0; index < 40; index++) connection.publish("jobs.a", `m${index}`);
  await server.kill("SIGCONT");

  await eventually(async () => {
    const { num_waiting, num_ack_pending } = await consumer();
    assert.deepEqual([await messages(), num_waiting], [40, 0]);
    assert.ok(num_ack_pending >= 10, "nothing was asked for again");
  });
  assert.deepEqual([(await consumer()).num_ack_pending, deliveries.length], [10, 10]);
});

test("a no_wait pull on an empty consumer says so at once", async (t) => {
  const { pull } = await setup(t);
  const started = performance.now();

  const { exhausted } = pull({ noWait: true });

  await eventually(() => assert.deepEqual(exhausted, [true]));
  assert.ok(performance.now() - started < 1_000, "it waited");
});

test("a no_wait pull takes what is there, and says when there is no more", async (t) => {
  const { put, pull } = await setup(t);
  for (let index = 0; index < 4; index++) await put(`m${index}`);

  const { pull: open, deliveries, exhausted } = pull({ noWait: true });

  await eventually(() => assert.equal(deliveries.length, 4));
  for (const _ of deliveries) open.release();
  await eventually(() => {
    open.again();
    assert.equal(exhausted.at(-1), true);
  });
});

test("a pull on a consumer that does not exist reports trouble, and starts once it exists", async (t) => {
  const { pull, jsm, put } = await setup(t);
  await jsm.consumers.delete("JOBS", "work");

  const { deliveries, troubles } = pull();

  // A 2.9 server leaves such a pull unanswered: there only the missing heartbeats tell.
  await eventually(() => assert.ok(troubles.length > 0, "not yet"), { timeoutMs: 40_000 });
  await jsm.consumers.add("JOBS", { durable_name: "work", ack_policy: "explicit" as never });
  await put("late");
  await eventually(() => assert.equal(deliveries.length, 1), { timeoutMs: 40_000 });
});

test("pulling goes on when the server was killed and came back", async (t) => {
  const nats = await startNats(t);
  const queue = await makeQueue(nats);
  await queue.put("before");
  const deliveries: Delivery[] = [];
  const pull = new Pull(
    queue.connection,
    { stream: "JOBS", durable: "work", prefetch: () => 10, noWait: false },
    { delivered: (delivery) => void deliveries.push(delivery), exhausted() {}, trouble() {}, returned() {} },
    () => performance.now(),
  );
  t.after(() => pull.close());
  void (async () => {
    for await (const { type } of queue.connection.status()) {
      if (type === "disconnect") pull.disconnected();
      if (type === "reconnect") pull.reconnected();
    }
  })();
  await eventually(() => assert.equal(deliveries.length, 1));

  await nats.server.kill("SIGKILL");
  await nats.server.restart();
  await eventually(() => queue.put("after"), { timeoutMs: 40_000 });

  await eventually(
    () =>
      assert.ok(
        deliveries.some(({ data }) => Buffer.from(data).toString() === "after"),
        "not yet",
      ),
    {
      timeoutMs: 40_000,
    },
  );
});

test("a stored message that looks like a status is delivered as the message it is", async (t) => {
  const { pull, connection } = await setup(t);
  await connection.jetstream().publish("jobs.a", new Uint8Array(), { headers: headers(409, "Consumer Deleted") });

  const { deliveries, troubles } = pull();

  await eventually(() => assert.equal(deliveries.length, 1));
  assert.deepEqual(troubles, []);
});
