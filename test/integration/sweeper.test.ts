import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { OpenJobs } from "../../functions/consumer/open-jobs.ts";
import { Sweeper } from "../../functions/consumer/sweeper.ts";
import { type Channel, makeChannel } from "../../shared/jetstream/channel.ts";
import type { SweepEvent } from "../../shared/jetstream/sweep.ts";
import { eventually } from "../support/eventually.ts";
import { makeWorkerBench } from "../support/worker.ts";

/** A queue with two jobs' streams and consumers made, nobody working, and a sweeper. */
async function setup(t: TestContext) {
  const bench = await makeWorkerBench(t, { job: "sink: store, maxDeliver: 1, ackWait: 1s, timeout: 500ms" });
  const opened = await OpenJobs.open(bench.options);
  t.after(() => opened.close());
  const channels = new Map<string, Promise<Channel>>();
  const open = async (): Promise<Channel> => makeChannel(await bench.nats.connect(), 5_000, () => performance.now());
  const events: SweepEvent[] = [];
  const sweeper = await Sweeper.open({
    config: bench.options.config,
    channel(name) {
      const channel = channels.get(name) ?? open();
      channels.set(name, channel);
      return channel;
    },
    apply: false,
    onEvent: (event) => void events.push(event),
  });
  t.after(() => sweeper.stop(5_000));
  const consumer = await bench.connection.jetstream().consumers.get("IN", "work");
  return {
    ...bench,
    sweeper,
    events,
    async spend(): Promise<void> {
      await bench.put("a");
      await eventually(async () => {
        for await (const _ of await consumer.fetch({ max_messages: 10, expires: 1_000 }));
        assert.equal((await consumer.info()).num_ack_pending, 0);
      });
    },
  };
}

test("a sweeper makes what it needs and takes spent messages away, again and again until it is stopped", async (t) => {
  const { sweeper, spend, messages, events, jsm } = await setup(t);
  assert.equal((await jsm.consumers.list("CHORIA_ADVISORIES").next())[0]?.config.ack_policy, "explicit");
  await spend();

  sweeper.start(100, () => 0);

  await eventually(async () => assert.deepEqual([await messages("IN"), await messages("CHORIA_DEAD")], [0, 1]));
  await spend();
  await eventually(async () => assert.deepEqual([await messages("IN"), await messages("CHORIA_DEAD")], [0, 2]));
  await sweeper.stop(5_000);
  assert.deepEqual(
    events.map((event) => event.type === "swept" && [event.job, event.reason]),
    [
      ["work", "DELIVERIES_SPENT"],
      ["work", "DELIVERIES_SPENT"],
    ],
  );
});

test("a sweep that finds its server away says so, and the next one goes on", async (t) => {
  const { sweeper, spend, messages, events, nats } = await setup(t);
  await spend();
  await nats.server.kill("SIGKILL");

  await sweeper.once();

  assert.ok(events.length > 0, "nothing was said");
  assert.deepEqual(new Set(events.map(({ type }) => type)), new Set(["sweep_failed"]));
  await nats.server.restart();
  await eventually(
    async () => {
      await sweeper.once();
      assert.equal(await messages("CHORIA_DEAD"), 1);
    },
    { timeoutMs: 60_000 },
  );
});

test("a sweeper that is stopped is over at once, also in the middle of a sweep", async (t) => {
  const { sweeper, spend, events } = await setup(t);
  await spend();
  const sweeping = sweeper.once();

  await sweeper.stop(5_000);
  await sweeping;

  assert.deepEqual(
    events.filter(({ type }) => type === "sweep_failed"),
    [],
  );
});
