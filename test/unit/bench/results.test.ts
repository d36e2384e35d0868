import assert from "node:assert/strict";
import { test } from "node:test";
import type { Measured } from "../../../bench/measure.ts";
import { growth, percentile, type Results, renderResults } from "../../../bench/results.ts";

test("a percentile is a value that was measured, the smallest that covers the share", () => {
  const values = [5, 1, 4, 2, 3];

  assert.deepEqual(
    [0, 0.5, 0.8, 0.81, 0.99, 1].map((share) => percentile(values, share)),
    [1, 3, 4, 5, 5, 5],
  );
  assert.ok(Number.isNaN(percentile([], 0.5)));
});

test("memory grows from the least an idle worker had, whatever the garbage collector did before", () => {
  const memory = { idle: [95e6, 75e6, 80e6], busy: [90e6, 110e6, 100e6] };

  assert.deepEqual(growth(memory), { growthMb: 35, idleMb: 20 });
});

test("bars that are held and bars that are missed are told apart, at the bar too", () => {
  const held = renderResults(makeResults({ worker: 70_000, compared: 30_000, idleMs: 10, drainMs: 150, growthMb: 63 }));
  const missed = renderResults(
    makeResults({ worker: 69_000, compared: 29_000, idleMs: 11, drainMs: 151, growthMb: 64 }),
  );

  assert.deepEqual(verdicts(held), {
    "worker / floor-worker, messages/s": "held",
    "worker at 100 / bullmq at 100, messages/s": "held",
    "worker idle, enqueue to start": "held",
    "drain of an empty queue, 1 times": "held",
    "memory of a worker with 100000 jobs waiting": "held",
  });
  assert.deepEqual(new Set(Object.values(verdicts(missed))), new Set(["MISSED"]));
  assert.equal(Object.keys(verdicts(missed)).length, 5);
});

test("the median of the rounds is compared, not the best", () => {
  const results = makeResults({});
  const floor = results.series.filter(({ name }) => name !== "worker");
  const worker = { name: "worker", sizes: SIZES, measured: [10_000, 50_000, 100_000].map(rate) };

  const text = renderResults({ ...results, series: [...floor, worker] });

  assert.match(text, /worker \/ floor-worker, messages\/s \| 0\.50 \(MISSED\)/);
});

test("what could not be measured is said with its reason, and is neither held nor missed", () => {
  const results = makeResults({});
  const series = results.series.filter(({ name }) => !name.startsWith("bullmq"));
  const missing = new Map([["bullmq at 100", "no redis-server: none in PATH"]]);

  const text = renderResults({ ...results, series, missing, machine: { ...results.machine, redis: null } });

  assert.match(text, /worker at 100 \/ bullmq at 100.*\| not measured: no redis-server: none in PATH \| at least 3 \|/);
  assert.doesNotMatch(text, /NaN|Redis \d/);
});

const SIZES = { wireBytes: 1_000, storedBytes: 1_000 };

function rate(perSecond: number): Measured {
  return { messages: perSecond, seconds: 1, cpuSeconds: 1 };
}

function makeResults({ worker = 80_000, compared = 40_000, idleMs = 2, drainMs = 20, growthMb = 10 }): Results {
  const rates = { "floor-worker": 100_000, worker, "worker at 100": compared, "bullmq at 100": 10_000 };
  return {
    machine: { cpu: "C", cores: 2, node: "v20", natsServer: "2.15.1", redis: "7.0.15", date: "2026-11-24" },
    series: Object.entries(rates).map(([name, perSecond]) => ({ name, sizes: SIZES, measured: [rate(perSecond)] })),
    limits: {
      idleFloorMs: [1],
      idleWorkerMs: [idleMs],
      emptyDrainMs: [drainMs],
      memory: { idle: [0], busy: [growthMb * 1e6] },
      backlog: 100_000,
    },
    missing: new Map(),
  };
}

/** What is said of each row that has a verdict. */
function verdicts(text: string): Readonly<Record<string, string>> {
  const rows = text.split("\n").flatMap((line) => {
    const said = /\((held|MISSED)\)/.exec(line)?.[1];
    return said === undefined ? [] : [[line.split("|")[1]?.trim() ?? "", said]];
  });
  return Object.fromEntries(rows);
}
