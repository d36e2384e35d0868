import assert from "node:assert/strict";
import { test } from "node:test";
import { embeddedMetricsLine } from "../../../shared/runtime/embedded-metrics.ts";

test("a line declares its metrics and dimensions, and has a value for each of them", () => {
  const line = embeddedMetricsLine({
    atMs: 1_700_000_000_000,
    dimensions: { Service: "choria-bridge-prod", Job: "facts" },
    metrics: [
      { name: "Processed", unit: "Count", value: 12 },
      { name: "OldestMessageAge", unit: "Seconds", value: 1.5 },
    ],
  });

  assert.ok(!line.includes("\n"));
  assert.deepEqual(JSON.parse(line), {
    _aws: {
      Timestamp: 1_700_000_000_000,
      CloudWatchMetrics: [
        {
          Namespace: "choria-bridge",
          Dimensions: [["Service", "Job"]],
          Metrics: [
            { Name: "Processed", Unit: "Count" },
            { Name: "OldestMessageAge", Unit: "Seconds" },
          ],
        },
      ],
    },
    Service: "choria-bridge-prod",
    Job: "facts",
    Processed: 12,
    OldestMessageAge: 1.5,
  });
});
