import assert from "node:assert/strict";
import { test } from "node:test";
import { mergeBuckets, workerId } from "../../../shared/jetstream/reports.ts";
import { quantile } from "../../../shared/telemetry/buckets.ts";

test("percentiles over several workers are those of all their observations", () => {
  const slow = new Map([
    [1, 0],
    [2, 10],
    [Number.POSITIVE_INFINITY, 10],
  ]);
  const fast = new Map([
    [1, 90],
    [2, 90],
    [Number.POSITIVE_INFINITY, 90],
  ]);

  const merged = mergeBuckets([slow, fast]);

  assert.deepEqual([...merged.values()], [90, 100, 100]);
  assert.equal(quantile(merged, 0.5), 50 / 90);
  assert.ok((quantile(merged, 0.99) ?? 0) > 1);
});

test("histograms with other bounds stay cumulative", () => {
  const merged = mergeBuckets([
    new Map([
      [1, 4],
      [4, 6],
    ]),
    new Map([
      [2, 5],
      [4, 5],
    ]),
  ]);

  assert.deepEqual(
    [...merged].sort(([a], [b]) => a - b),
    [
      [1, 4],
      [2, 9],
      [4, 11],
    ],
  );
});

test("nothing merged has no percentile", () => {
  assert.equal(quantile(mergeBuckets([]), 0.5), null);
});

test("a worker's name is one token of a key, whatever its host is called", () => {
  assert.equal(workerId("web1.example.net", 4_711, "x7"), "web1-example-net-4711-x7");
});
