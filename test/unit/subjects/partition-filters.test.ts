import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { subjectCovers } from "../../../shared/subjects/overlap.ts";
import { partitionOf } from "../../../shared/subjects/partition.ts";
import { partitionFilters } from "../../../shared/subjects/partition-filters.ts";
import { compileTemplate } from "../../../shared/subjects/template.ts";

const table: readonly (readonly [string, readonly string[] | null])[] = [
  ["a.{partition:2}.{sender}", ["a.0.>", "a.1.>"]],
  ["a.{partition:2}.{agent}.x", ["a.0.*.x", "a.1.*.x"]],
  ["a.{sender}.{partition:3}", ["a.*.0", "a.*.1", "a.*.2"]],
  ["a.{partition:1}", ["a.0"]],
  ["a.{sender}", null],
  ["a.p{partition:2}.{sender}", null],
  ["a.{partition:2}{agent}.{sender}", null],
  ["a.{partition:2}.{partition:3}", null],
];

for (const [text, expected] of table) {
  test(`partitions of ${text}`, () => assert.deepEqual(partitionFilters(compileTemplate(text)), expected));
}

test("a rendered subject is in the partition of its sender and in no other", () => {
  const template = compileTemplate("a.{agent}.{partition:7}.{sender}");
  const filters = partitionFilters(template) ?? [];
  fc.assert(
    fc.property(fc.string(), fc.string(), (sender, agent) => {
      const subject = template.render({ sender, agent, collective: "", caller: "" });
      const matching = filters.flatMap((filter, partition) => (subjectCovers(filter, subject) ? [partition] : []));
      assert.deepEqual(matching, [partitionOf(sender, 7)]);
    }),
  );
});
