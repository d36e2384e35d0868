import assert from "node:assert/strict";
import { test } from "node:test";
import type { AdapterFound } from "../../../bench/production/adapter/measure.ts";
import type { Production } from "../../../bench/production/measure.ts";
import { barRows, renderProduction } from "../../../bench/production/section.ts";

const report = { cpuSeconds: 1, received: 90, errors: 0 };
const FOUND: AdapterFound = {
  protocol: "v1",
  flood: { sent: 100, sentPerSecond: 5_000, inStream: 60, storedPerSecond: 2_000, outOfOrder: 3, report },
  latency: { protocol: "v1", sent: 3, stored: 3, latenciesMs: [1, 2, 3], cpuMsPerMessage: 1.27, report },
  outage: { protocol: "v1", sent: 100, inStream: 50, awayMs: 10_000, outOfOrder: 0, report: { ...report, errors: 7 } },
};
const latency = [
  { protocol: "v1", sent: 3, stored: 3, latenciesMs: [1, 1, 1], cpuMsPerMessage: 0.2, report: {} } as never,
];
const ENTRIES = [{ protocol: "v1", bytes: 400 }] as const;
const OWN: Production = { latency, flood: [], outage: [], entries: ENTRIES, fleet: [] };
const NOTHING: Production = { latency: [], flood: [], outage: [], entries: [], fleet: [] };

test("what was measured of go-choria's adapter stands beside the bridge's, and in rows of its own where that has none", () => {
  const text = renderProduction(barRows([], OWN, { ok: true, found: [FOUND] }), "C");

  assert.match(text, /v1: latency.*1\.0 \/ 1\.0 ms.*\(held\) \|.*\| 2\.0 \/ 3\.0 ms; 3 of 3 stored \|/);
  assert.match(text, /v1: a remembered node \| 400 bytes \(held\) \|.*\| {2}\|/);
  assert.match(text, /full speed \| not measured \| always \| 100 sent.*40 of 100 lost \(40 %\).*errors says 0 \|/);
  assert.match(text, /away for 10 s.*\| 50 of 100 lost \(50 %\).*errors says 7 \|/);
});

test("where the adapter cannot be measured, its cells say why", () => {
  const missing = { ok: false, reason: "Go is not\ninstalled | here" } as const;

  assert.match(
    renderProduction(barRows([], OWN, missing), "C"),
    /CPU a message.*not measured: Go is not installed \\\| here \|/,
  );
  assert.match(renderProduction(barRows([], NOTHING, missing), "C"), /\| go-choria's adapter \|.*not measured: Go/);
});
