import assert from "node:assert/strict";
import { test } from "node:test";
import { ExpiredCount, type SourceLook } from "../../../shared/jetstream/source-watch.ts";

interface Look {
  readonly made?: string;
  readonly subjects?: readonly string[];
  readonly startsAt?: number;
  readonly firstSequence?: number;
  readonly lastSequence?: number;
  /** When the consumer was made; null: there is none. */
  readonly consumer?: string | null;
  readonly deliveredUpTo?: number;
  readonly handOvers?: number;
}

function makeLook(values: Look): SourceLook {
  const { made: madeAt = "1st", subjects = ["taken"], startsAt = 1, firstSequence = 1, consumer = "1st" } = values;
  const { deliveredUpTo = 0, handOvers = 0, lastSequence = Math.max(deliveredUpTo, firstSequence - 1) } = values;
  return {
    stream: { madeAt, subjects, startsAt, firstSequence, lastSequence },
    consumer: consumer === null ? null : { madeAt: consumer, deliveredUpTo, handOvers, pending: 0 },
  };
}

const takesAll = ({ subjects }: { readonly subjects: readonly string[] }): boolean =>
  subjects.every((subject) => subject === "taken");

const CASES: readonly {
  readonly name: string;
  readonly first: Look;
  readonly looks: readonly (readonly [look: Look, repeated: number])[];
  readonly expired: number | null;
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
  {
    name: "a consumer made anew between two looks, when the stream had let go of what was handed over",
    first: {},
    looks: [
      [{ deliveredUpTo: 50, handOvers: 50 }, 0],
      [{ consumer: "2nd", firstSequence: 39, deliveredUpTo: 50, handOvers: 12 }, 0],
    ],
    expired: 0,
  },
  {
    name: "a consumer made anew goes over what was handed over before, and the stream lets go of that meanwhile",
    first: {},
    looks: [
      [{ deliveredUpTo: 50, handOvers: 50 }, 0],
      [{ consumer: "2nd", deliveredUpTo: 10, handOvers: 10, lastSequence: 50 }, 0],
      [{ consumer: "2nd", firstSequence: 31, deliveredUpTo: 40, handOvers: 20, lastSequence: 60 }, 0],
    ],
    expired: 0,
  },
  {
    name: "messages that go once a consumer made anew is past what was handed over before",
    first: {},
    looks: [
      [{ deliveredUpTo: 50, handOvers: 50 }, 0],
      [{ consumer: "2nd", firstSequence: 39, deliveredUpTo: 60, handOvers: 22 }, 0],
      [{ consumer: "2nd", firstSequence: 71, deliveredUpTo: 80, handOvers: 32 }, 0],
    ],
    expired: 10,
  },
  {
    name: "messages that came and went while there was no consumer",
    first: {},
    looks: [
      [{ deliveredUpTo: 50, handOvers: 50 }, 0],
      [{ consumer: null, lastSequence: 60 }, 0],
      [{ consumer: null, firstSequence: 71, lastSequence: 80 }, 0],
      [{ consumer: "2nd", firstSequence: 71, deliveredUpTo: 75, handOvers: 5, lastSequence: 80 }, 0],
    ],
    expired: 10,
  },
  {
    name: "no consumer at the first look: what another one had handed over is not told from what went",
    first: { consumer: null, firstSequence: 11, lastSequence: 50 },
    looks: [
      [{ firstSequence: 11, deliveredUpTo: 20, handOvers: 10, lastSequence: 50 }, 0],
      [{ firstSequence: 61, deliveredUpTo: 70, handOvers: 50 }, 0],
    ],
    expired: 0,
  },
  {
    name: "a consumer that was not found once, and is the same",
    first: {},
    looks: [
      [{ deliveredUpTo: 50, handOvers: 50 }, 0],
      [{ consumer: null, firstSequence: 40, lastSequence: 60 }, 0],
      [{ firstSequence: 56, deliveredUpTo: 60, handOvers: 55 }, 0],
    ],
    expired: 5,
  },
  {
    name: "messages that went before a stream was made anew are not forgotten, nor counted twice",
    first: {},
    looks: [
      [{ firstSequence: 20, deliveredUpTo: 30, handOvers: 11 }, 0],
      [{ made: "2nd", consumer: "2nd", deliveredUpTo: 6, handOvers: 6 }, 0],
    ],
    expired: 19,
  },
  {
    name: "messages that a stream made anew let go of before it had a consumer",
    first: {},
    looks: [
      [{ deliveredUpTo: 100, handOvers: 100 }, 0],
      [{ made: "2nd", consumer: null, startsAt: 1_001, firstSequence: 1_001 }, 0],
      [{ made: "2nd", consumer: "2nd", startsAt: 1_001, firstSequence: 1_008, deliveredUpTo: 1_010, handOvers: 3 }, 0],
    ],
    expired: 7,
  },
  {
    name: "a stream that has other subjects too",
    first: {},
    looks: [[{ subjects: ["taken", "not taken"], deliveredUpTo: 50, handOvers: 20 }, 0]],
    expired: null,
  },
  {
    name: "a stream that had other subjects for a while",
    first: {},
    looks: [
      [{ firstSequence: 6, deliveredUpTo: 10, handOvers: 5 }, 0],
      [{ subjects: ["not taken"], firstSequence: 6, deliveredUpTo: 50, handOvers: 20 }, 0],
      [{ firstSequence: 6, deliveredUpTo: 60, handOvers: 30 }, 0],
    ],
    expired: 5,
  },
];

for (const { name, first, looks, expired } of CASES) {
  test(`${expired ?? "unknown how many"} messages are counted as let go of: ${name}`, () => {
    const count = new ExpiredCount(makeLook(first), takesAll);

    for (const [look, repeated] of looks) count.look(makeLook(look), { before: repeated, after: repeated });

    assert.equal(count.total, expired);
  });
}

test("what was made anew is said once", () => {
  const count = new ExpiredCount(makeLook({}), takesAll);
  const none = { before: 0, after: 0 };

  const said = [
    makeLook({}),
    makeLook({ consumer: "2nd" }),
    makeLook({ consumer: "2nd" }),
    makeLook({ made: "2nd", consumer: "3rd" }),
    makeLook({ made: "2nd", consumer: "3rd" }),
  ].map((look) => count.look(look, none));

  assert.deepEqual(said, [null, "consumer", null, "stream", null]);
});

test("the first consumer of a stream that was made anew was not made again", () => {
  const count = new ExpiredCount(makeLook({}), takesAll);
  const none = { before: 0, after: 0 };

  const said = [makeLook({ made: "2nd", consumer: null }), makeLook({ made: "2nd", consumer: "2nd" })].map((look) =>
    count.look(look, none),
  );

  assert.deepEqual(said, ["stream", null]);
});

test("hand-overs repeated while a look is under way never look as if messages were gone", () => {
  const count = new ExpiredCount(makeLook({}), takesAll);

  count.look(makeLook({ consumer: "2nd", deliveredUpTo: 10, handOvers: 13 }), { before: 0, after: 3 });
  count.look(makeLook({ consumer: "2nd", deliveredUpTo: 20, handOvers: 23 }), { before: 3, after: 3 });

  assert.equal(count.total, 0);
});
