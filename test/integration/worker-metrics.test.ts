import assert from "node:assert/strict";
import { test } from "node:test";
import { Registry } from "prom-client";
import { exposeWorker, observeLatency } from "../../functions/consumer/metrics.ts";
import { QueueWatch } from "../../functions/consumer/queue-watch.ts";
import { Worker } from "../../functions/consumer/worker.ts";
import { dead, defineHandler, snooze } from "../../shared/jobs/handler.ts";
import { eventually } from "../support/eventually.ts";
import { makeWorkerBench } from "../support/worker.ts";

test("a worker shows why messages died, which sinks failed, and what it may hold", async (t) => {
  const retry = { policy: "fixed", delayMs: 10, maxDelayMs: 10, attempts: 5, jitter: 0 } as const;
  const handler = defineHandler({
    name: "test",
    input: "bytes",
    retry,
    run: async (message, context) => {
      if (context.attempt === 1) await jsm.streams.delete("OUT");
      else await jsm.streams.add({ name: "OUT", subjects: ["out.>"] });
      await context.publish("store", { body: message.data });
      return dead("NOT/WANTED");
    },
  });
  const { jsm, options, put } = await makeWorkerBench(t, { handler });
  const registry = new Registry();
  const worker = await Worker.start(options, [observeLatency(registry)]);
  t.after(() => worker.stop(2_000));
  const watch = new QueueWatch(worker.opened.queues, [...worker.opened.states.values()]);
  t.after(() => watch.close());
  exposeWorker(registry, worker, watch);

  await put("x");
  await eventually(() => assert.equal(worker.counters.of("work").settled.dead, 1));

  const text = await registry.metrics();
  for (const line of [
    'choria_bridge_sink_failed_total{job="work",sink="store",code="SINK_UNAVAILABLE"} 1',
    'choria_bridge_sink_write_seconds_count{sink="store"} 1',
    'choria_bridge_job_dead_total{job="work",reason="NOT/WANTED"} 1',
    'choria_bridge_job_settled_total{job="work",outcome="retried"} 1',
    'choria_bridge_job_paused{job="work"} 0',
    'choria_bridge_job_prefetch{job="work"} 128',
    'choria_bridge_job_crashed_total{job="work"} 0',
  ]) {
    assert.ok(text.includes(`\n${line}\n`), `${line} is not in\n${text}`);
  }
  assert.match(text, /^choria_bridge_event_loop_lag_seconds \d/m);
});

test("a worker shows how deep its queues are, and what waits outside them", async (t) => {
  const job = 'handler: "handlers.js#handler", retry: { parkAfter: 100ms }, concurrency: 1, maxAckPending: 2';
  const handler = defineHandler({
    name: "test",
    input: "bytes",
    run: async ({ data }, { signal }) => {
      if (Buffer.from(data).toString() === "later") return snooze(60_000);
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      return undefined;
    },
  });
  const { options, put } = await makeWorkerBench(t, { handler, job });
  const worker = await Worker.start(options);
  t.after(() => worker.stop(500));
  await put("later");
  await eventually(() => assert.equal(worker.counters.of("work").settled.parked, 1));
  for (let index = 0; index < 5; index++) await put(`m${index}`);
  await eventually(() => assert.equal(worker.held, 2));

  const watch = new QueueWatch(worker.opened.queues, [...worker.opened.states.values()]);
  t.after(() => watch.close());

  await eventually(() => {
    assert.deepEqual(watch.delayed, new Map([["main", 1]]));
    const depth = watch.depths.get("work");
    assert.deepEqual([depth?.pending, depth?.inFlight, depth?.stranded], [3, 2, 0]);
    assert.ok((depth?.oldestSeconds ?? -1) >= 0, "the oldest has an age");
  });
});
