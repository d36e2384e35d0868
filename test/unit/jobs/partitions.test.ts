import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type PartitionView, planPartitions, shareOf } from "../../../shared/jobs/partitions.ts";

/** `"ab-a"`: partitions of workers a, b, none, a. */
function makeView(owners: string, self: string, workers: string): PartitionView {
  const names = [...owners].map((owner) => (owner === "-" ? null : owner));
  return { self, workers: [...workers], owners: names };
}

const table: readonly (readonly [string, string, string, string, number[], number[]])[] = [
  ["a worker alone takes all", "----", "a", "a", [0, 1, 2, 3], []],
  ["of two the first takes half", "----", "a", "ab", [0, 1], []],
  ["what others own is not touched", "bb--", "a", "ab", [2, 3], []],
  ["who has more than its share hands over the rest", "aaaa", "a", "ab", [], [2, 3]],
  ["who has its share takes nothing, although something is free", "aa--", "a", "ab", [], []],
  ["of equal owners the first keeps the extra one…", "aabb", "a", "abc", [], []],
  ["…and the second gives", "aabb", "b", "abc", [], [3]],
  ["the larger owner gives first", "aaab", "a", "abc", [], [2]],
  ["a worker that is not known to live keeps what it owns until its lease is over", "xx--", "a", "a", [2, 3], []],
  ["more workers than partitions: some have none", "ab", "c", "abc", [], []],
  ["a worker knows itself to live, whatever the others say", "--", "a", "", [0, 1], []],
];

for (const [name, owners, self, workers, take, release] of table) {
  test(`partitions: ${name}`, () =>
    assert.deepEqual(planPartitions(makeView(owners, self, workers), 0), { take, release }));
}

test("contenders begin at different free partitions", () => {
  assert.deepEqual(planPartitions(makeView("-a--", "b", "ab"), 5).take, [3, 0]);
});

const fleet = fc.record({
  workers: fc.uniqueArray(fc.constantFrom(..."abcdef"), { minLength: 1 }),
  owners: fc.array(fc.constantFrom(..."abcdef-"), { minLength: 1, maxLength: 40 }),
  offset: fc.nat(50),
});

test("the shares of workers that see the same add up to all partitions, and differ by one at most", () => {
  fc.assert(
    fc.property(fleet, ({ workers, owners }) => {
      const shares = workers.map((self) => shareOf(makeView(owners.join(""), self, workers.join(""))));
      assert.equal(
        shares.reduce((sum, share) => sum + share, 0),
        owners.length,
      );
      assert.ok(Math.max(...shares) - Math.min(...shares) <= 1, "unfair");
    }),
  );
});

test("from any state, workers that act one after another own everything evenly, and then stand still", () => {
  fc.assert(
    fc.property(fleet, ({ workers, owners: begun, offset }) => {
      // Those who are gone lose their leases.
      const owners = begun.map((owner) => (workers.includes(owner) ? owner : null));
      const round = (): number =>
        workers.reduce((moves, self) => {
          const { take, release } = planPartitions({ self, workers, owners }, offset);
          for (const partition of take) owners[partition] = self;
          for (const partition of release) owners[partition] = null;
          return moves + take.length + release.length;
        }, 0);
      for (let count = 0; count < 4; count++) round();
      assert.equal(round(), 0);
      assert.ok(!owners.includes(null), "a partition without an owner");
    }),
  );
});
