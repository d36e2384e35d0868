import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { metricsReference } from "../../../shared/telemetry/reference.ts";

test("docs/metrics.md is what the table of metrics says (npm run docs writes it)", () => {
  assert.equal(readFileSync(new URL("../../../docs/metrics.md", import.meta.url), "utf8"), metricsReference());
});
