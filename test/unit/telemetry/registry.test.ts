import assert from "node:assert/strict";
import { test } from "node:test";
import { Registry } from "prom-client";
import { bucketsSince, quantile } from "../../../shared/telemetry/buckets.ts";
import { BRIDGE_METRICS } from "../../../shared/telemetry/metrics.ts";
import { METRIC_TABLES } from "../../../shared/telemetry/reference.ts";
import { bucketsOf, exposeLatency, exposeSamples } from "../../../shared/telemetry/registry.ts";

test("numbers counted elsewhere are read at each scrape", async () => {
  const registry = new Registry();
  let stored = 1;
  exposeSamples(registry, BRIDGE_METRICS.stored, () => [{ labels: ["JOBS"], value: stored }]);

  assert.match(await registry.metrics(), /^choria_bridge_stored_total\{stream="JOBS"\} 1$/m);
  stored = 5;
  assert.match(await registry.metrics(), /^choria_bridge_stored_total\{stream="JOBS"\} 5$/m);
});

test("percentiles are read off the buckets, and there are none without observations", async () => {
  const latency = exposeLatency(new Registry(), BRIDGE_METRICS.storeSeconds);
  assert.equal(quantile(await bucketsOf(latency), 0.5), null);

  for (let ms = 1; ms <= 100; ms += 1) latency.observe({ stream: ms % 2 === 0 ? "A" : "B" }, ms / 1_000);

  const buckets = await bucketsOf(latency);
  const [p50, p99] = [quantile(buckets, 0.5), quantile(buckets, 0.99)];
  assert.ok(p50 !== null && Math.abs(p50 - 0.05) < 0.005, `p50 ${p50}`);
  assert.ok(p99 !== null && Math.abs(p99 - 0.099) < 0.005, `p99 ${p99}`);
});

test("percentiles of what was counted since an earlier look leave the earlier ones out", async () => {
  const latency = exposeLatency(new Registry(), BRIDGE_METRICS.storeSeconds);
  latency.observe({ stream: "A" }, 9);
  const before = await bucketsOf(latency);
  assert.equal(quantile(bucketsSince(before, before), 0.5), null);

  latency.observe({ stream: "A" }, 0.05);

  const p99 = quantile(bucketsSince(await bucketsOf(latency), before), 0.99);
  assert.ok(p99 !== null && p99 <= 0.1, `p99 ${p99}`);
});

test("percentiles of one label leave the others out", async () => {
  const latency = exposeLatency(new Registry(), BRIDGE_METRICS.storeSeconds);
  latency.observe({ stream: "A" }, 9);
  latency.observe({ stream: "B" }, 0.05);

  const buckets = await bucketsOf(latency, { stream: "B" });

  assert.equal(buckets.get(Number.POSITIVE_INFINITY), 1);
  assert.ok((quantile(buckets, 0.99) ?? 9) <= 0.1);
});

test("metric names are unique and follow Prometheus' habits", () => {
  const all = Object.values(METRIC_TABLES).flatMap((table) => Object.values(table));

  assert.equal(new Set(all.map(({ name }) => name)).size, all.length);
  for (const { name, type } of all) {
    assert.match(name, /^choria_bridge_[a-z_]+$/);
    assert.equal(name.endsWith("_total"), type === "counter", name);
    if (type === "histogram") assert.match(name, /_seconds$/);
  }
});
