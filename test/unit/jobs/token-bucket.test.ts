import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { TokenBucket } from "../../../shared/jobs/token-bucket.ts";

test("a burst goes at once, and what follows waits its turn", () => {
  const bucket = new TokenBucket({ perSecond: 10, burst: 3 });

  const waits = Array.from({ length: 6 }, () => bucket.take(1_000));

  assert.deepEqual(waits, [0, 0, 0, 100, 200, 300]);
});

test("a pause fills the bucket up to its burst, and no further", () => {
  const bucket = new TokenBucket({ perSecond: 10, burst: 2 });
  for (let taken = 0; taken < 2; taken++) bucket.take(0);

  const waits = Array.from({ length: 3 }, () => bucket.take(60_000));

  assert.deepEqual(waits, [0, 0, 100]);
});

test("whenever tokens are asked for, no more start in any time than burst and rate allow", () => {
  const limits = fc.record({ perSecond: fc.integer({ min: 1, max: 1_000 }), burst: fc.integer({ min: 1, max: 20 }) });
  fc.assert(
    fc.property(limits, fc.array(fc.integer({ min: 0, max: 500 }), { maxLength: 200 }), (limit, gaps) => {
      const bucket = new TokenBucket(limit);
      let now = 0;
      const starts = gaps.map((gap) => {
        now += gap;
        return now + bucket.take(now);
      });
      for (let first = 0; first < starts.length; first++) {
        for (let last = first; last < starts.length; last++) {
          const spanMs = (starts[last] ?? 0) - (starts[first] ?? 0);
          const allowed = limit.burst + (spanMs * limit.perSecond) / 1_000 + 1e-6;
          assert.ok(last - first + 1 <= allowed + 1, `${last - first + 1} in ${spanMs} ms`);
        }
      }
    }),
    { numRuns: 50 },
  );
});
