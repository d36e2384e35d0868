import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { Worker } from "../../../functions/consumer/worker.ts";
import type { Delivery } from "../../../shared/jetstream/delivery.ts";
import { Leases } from "../../../shared/jetstream/leases.ts";
import { Pull } from "../../../shared/jetstream/pull.ts";
import { defineHandler } from "../../../shared/jobs/handler.ts";
import { eventually } from "../../support/eventually.ts";
import { startNats } from "../../support/nats.ts";
import { makeQueue } from "../../support/queue.ts";
import { makeWorkerBench } from "../../support/worker.ts";

const ACK_WAIT_MS = 2_000;

/** A queue with a short lease, its deliveries held. */
async function setup(t: Parameters<typeof startNats>[0]) {
  const nats = await startNats(t);
  const queue = await makeQueue(nats, { ackWaitMs: ACK_WAIT_MS });
  const deliveries: Delivery[] = [];
  const lost: Delivery[] = [];
  let renewals = 0;
  const channel = { ...queue.channel, ackWaitMs: ACK_WAIT_MS, now: () => performance.now() };
  const leases = new Leases(channel, {
    renewed: () => {
      renewals += 1;
    },
    lost: (delivery) => void lost.push(delivery),
  });
  t.after(() => leases.close());
  const pull = new Pull(
    queue.connection,
    { stream: "JOBS", durable: "work", prefetch: () => 10, noWait: false },
    {
      delivered(delivery) {
        deliveries.push(delivery);
        leases.hold(delivery);
      },
      exhausted() {},
      trouble() {},
      returned() {},
    },
    () => performance.now(),
  );
  t.after(() => pull.close());
  return { ...queue, nats, leases, deliveries, lost, renewals: () => renewals };
}

test("a message that is held is not given to anybody else, however long", async (t) => {
  const { put, deliveries, renewals, lost, consumer } = await setup(t);
  await put("a");
  await eventually(() => assert.equal(deliveries.length, 1));

  await pause(3 * ACK_WAIT_MS);

  assert.deepEqual(lost, []);
  assert.ok(renewals() >= 3, `${renewals()} renewals`);
  assert.equal((await consumer()).num_redelivered, 0);
});

test("a lease whose renewals are not confirmed is lost, and no late answer brings it back", async (t) => {
  const { put, deliveries, lost, nats, leases } = await setup(t);
  await put("a");
  await eventually(() => assert.equal(deliveries.length, 1));

  await nats.server.kill("SIGSTOP");
  t.after(() => nats.server.kill("SIGCONT"));
  await eventually(() => assert.equal(lost.length, 1));
  await nats.server.kill("SIGCONT");

  assert.equal(lost[0]?.isLost, true);
  assert.equal(leases.size, 0);
});

test("a lease is lost at once when the consumer is gone", async (t) => {
  const { put, deliveries, lost, jsm } = await setup(t);
  await put("a");
  await eventually(() => assert.equal(deliveries.length, 1));

  await jsm.consumers.delete("JOBS", "work");

  await eventually(() => assert.equal(lost.length, 1));
});

test("a released message is not renewed any more", async (t) => {
  const { put, deliveries, leases, lost, acks } = await setup(t);
  await put("a");
  await put("b");
  await eventually(() => assert.equal(deliveries.length, 2));
  const [first, second] = deliveries;

  leases.release(first!);
  leases.release(first!);
  await pause(ACK_WAIT_MS + 500);

  assert.equal(second?.isLost, false);
  assert.deepEqual(lost, []);
  assert.ok(acks.length > 0, "the other one is renewed");
});

test("a run may take longer than the lease: it is renewed, and the timeout is another matter", async (t) => {
  const handler = defineHandler({ name: "slow", input: "bytes", run: async () => void (await pause(5_000)) });
  const job = 'handler: "handlers.js#handler", ackWait: 1s, timeout: 60s';
  const { put, options } = await makeWorkerBench(t, { handler, job });
  const worker = await Worker.start(options);
  t.after(() => worker.stop(1_000));

  await put("x");

  await eventually(() => assert.equal(worker.counters.of("work").settled.done, 1));
  assert.equal(worker.counters.of("work").received, 1);
  assert.ok(worker.counters.of("work").leaseRenewed >= 3, "renewed");
});

test("after a lost lease the run is told and nothing more is said about its message", async (t) => {
  let reason: unknown;
  let runs = 0;
  const handler = defineHandler({
    name: "held",
    input: "bytes",
    run: async (_message, { signal }) => {
      runs += 1;
      if (runs > 1) return;
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      reason = signal.reason;
    },
  });
  const job = 'handler: "handlers.js#handler", ackWait: 1s, timeout: 60s';
  const { put, options, nats } = await makeWorkerBench(t, { handler, job });
  const worker = await Worker.start(options);
  t.after(() => worker.stop(1_000));
  const acks: string[] = [];
  const wire = await nats.connect();
  await put("x");
  await eventually(() => assert.equal(runs, 1));

  await nats.server.kill("SIGSTOP");
  await eventually(() => assert.match(String(reason), /could not be renewed in time/));
  await nats.server.kill("SIGCONT");
  wire.subscribe("$JS.ACK.>", { callback: (_error, message) => void acks.push(message.string()) });

  await eventually(() => assert.equal(worker.counters.of("work").settled.done, 1));
  assert.equal(worker.counters.of("work").leaseOver, 1);
  assert.equal(runs, 2);
  assert.deepEqual(
    acks.filter((ack) => ack !== "+ACK" && ack !== "+WPI"),
    [],
  );
});
