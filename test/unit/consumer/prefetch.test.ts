import assert from "node:assert/strict";
import { test } from "node:test";
import { LoopLag } from "../../../functions/consumer/loop-lag.ts";
import { type PrefetchFacts, prefetchOf } from "../../../functions/consumer/prefetch.ts";
import { eventually } from "../../support/eventually.ts";

const CASES: readonly { readonly name: string; readonly facts: Partial<PrefetchFacts>; readonly prefetch: number }[] = [
  { name: "one running and one ready for each slot", facts: {}, prefetch: 128 },
  { name: "a lag that leases stand is no reason for less", facts: { lagMs: 4_999 }, prefetch: 128 },
  { name: "a lag that worries ends buffering", facts: { lagMs: 5_000 }, prefetch: 64 },
  { name: "a lag that threatens leases leaves one at a time", facts: { lagMs: 10_000 }, prefetch: 1 },
  {
    name: "what starts slowly by intent is left to others",
    facts: { rate: { perSecond: 2.5, burst: 4 } },
    prefetch: 7,
  },
  { name: "a high rate changes nothing", facts: { rate: { perSecond: 5_000, burst: 1 } }, prefetch: 128 },
];

for (const { name, facts, prefetch } of CASES) {
  test(name, () => {
    assert.equal(prefetchOf({ concurrency: 64, ackWaitMs: 30_000, rate: null, lagMs: 0, ...facts }), prefetch);
  });
}

test("an event loop that is held up is noticed", async (t) => {
  const lag = new LoopLag();
  t.after(() => lag.close());
  await new Promise((resolve) => setTimeout(resolve, 50)); // its own timer has begun

  const until = performance.now() + 400;
  while (performance.now() < until);

  await eventually(() => assert.ok(lag.worstMs >= 300, `${lag.worstMs} ms`));
});
