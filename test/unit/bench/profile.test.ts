import assert from "node:assert/strict";
import { test } from "node:test";
import { type CpuProfile, describeTimes, selfTimes, selfTimesByPackage } from "../../../bench/profile.ts";

test("self times are summed by function, without idle time in the shares of the others", () => {
  const times = selfTimes(PROFILE);

  assert.deepEqual(times, [
    { name: "(idle)", milliseconds: 6, share: 0.6 },
    { name: "parse nats/lib/parser.js:76", milliseconds: 3, share: 0.75 },
    { name: "(anonymous) functions/consumer/run.js:1", milliseconds: 1, share: 0.25 },
    { name: "writeBuffer", milliseconds: 0, share: 0 },
  ]);
});

test("self times are summed by package, the project's own by folder", () => {
  const names = selfTimesByPackage(PROFILE).map(({ name, milliseconds }) => [name, milliseconds]);

  assert.deepEqual(names, [
    ["(idle)", 6],
    ["nats", 3],
    ["functions/consumer", 1],
    ["built in", 0],
  ]);
});

test("only the first rows are shown, the most expensive ones", () => {
  assert.equal(
    describeTimes(selfTimes(PROFILE), 2),
    "      6 ms  60.0 %  (idle)\n      3 ms  75.0 %  parse nats/lib/parser.js:76",
  );
});

const node = (id: number, functionName: string, url: string, lineNumber: number) => ({
  id,
  callFrame: { functionName, url, lineNumber },
});

/** Two nodes are one function, called from different places. */
const PROFILE: CpuProfile = {
  nodes: [
    node(1, "(idle)", "", -1),
    node(2, "parse", "file:///project/node_modules/nats/lib/parser.js", 75),
    node(3, "parse", "file:///project/node_modules/nats/lib/parser.js", 75),
    node(4, "", "file:///project/.build/bench/functions/consumer/run.js", 0),
    node(5, "writeBuffer", "", -1),
  ],
  samples: [1, 2, 3, 4, 5],
  timeDeltas: [6_000, 1_000, 2_000, 1_000, 0],
};
