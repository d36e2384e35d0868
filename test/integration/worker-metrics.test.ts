import assert from "node:assert/strict";
import { test } from "node:test";
import { Registry } from "prom-client";
import { exposeWorker, observeLatency } from "../../functions/consumer/metrics.ts";
import { Worker } from "../../functions/consumer/worker.ts";
import { dead, defineHandler } from "../../shared/jobs/handler.ts";
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
  exposeWorker(registry, worker);

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
