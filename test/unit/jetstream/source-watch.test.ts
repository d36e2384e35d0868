import assert from "node:assert/strict";
import { test } from "node:test";
import { ExpiredCount, type SourceLook } from "../../../shared/jetstream/source-watch.ts";

const makeLook = (values: Partial<SourceLook>): SourceLook => ({
  firstSequence: 1,
  deliveredUpTo: 0,
  handOvers: 0,
  pending: 0,
  ...values,
});

const CASES: readonly {
  readonly name: string;
  readonly first: Partial<SourceLook>;
  readonly looks: readonly (readonly [look: Partial<SourceLook>, repeated: number])[];
  readonly expired: number;
}[] = [
  { name: "an empty stream", first: {}, looks: [], expired: 0 },
  {
    name: "a consumer made when the stream was old already",
    first: { firstSequence: 501, deliveredUpTo: 500 },
    looks: [[{ firstSequence: 501, deliveredUpTo: 600, handOvers: 100 }, 0]],
    expired: 0,
  },
  {
    name: "messages that went before the first look",
    first: { firstSequence: 61, deliveredUpTo: 50, handOvers: 50 },
    looks: [[{ firstSequence: 61, deliveredUpTo: 70, handOvers: 60 }, 0]],
    expired: 10,
  },
  {
    name: "messages that went between two looks, the consumer being past them by the second",
    first: { firstSequence: 1, deliveredUpTo: 10, handOvers: 10 },
    looks: [[{ firstSequence: 30, deliveredUpTo: 40, handOvers: 21 }, 0]],
    expired: 19,
  },
  {
    name: "messages that went and were not yet passed by the consumer",
    first: { firstSequence: 1, deliveredUpTo: 10, handOvers: 10 },
    looks: [[{ firstSequence: 30, deliveredUpTo: 10, handOvers: 10 }, 0]],
    expired: 19,
  },
  {
    name: "hand-overs that were repeated",
    first: { firstSequence: 1, deliveredUpTo: 10, handOvers: 10 },
    looks: [[{ firstSequence: 1, deliveredUpTo: 20, handOvers: 27 }, 7]],
    expired: 0,
  },
  {
    name: "hand-overs repeated to another process: the count is too low, and never falls",
    first: { firstSequence: 1, deliveredUpTo: 10, handOvers: 10 },
    looks: [
      [{ firstSequence: 16, deliveredUpTo: 20, handOvers: 15 }, 0],
      [{ firstSequence: 16, deliveredUpTo: 20, handOvers: 18 }, 0],
    ],
    expired: 5,
  },
];

for (const { name, first, looks, expired } of CASES) {
  test(`${expired} messages are counted as let go of: ${name}`, () => {
    const count = new ExpiredCount(makeLook(first));

    for (const [look, repeated] of looks) count.look(makeLook(look), repeated);

    assert.equal(count.total, expired);
  });
}
