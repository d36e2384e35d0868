import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Hand, type HandShare } from "../../../functions/bridge/hand.ts";

/** How many messages of so many bytes it takes. */
function fill(share: HandShare, bytes: number): number {
  let taken = 0;
  while (share.take(bytes)) taken += 1;
  return taken;
}

test("the only ingest has the whole hand: its messages and its bytes, and again what was put down", () => {
  const hand = new Hand(2, 100, 1);
  const share = hand.share();

  assert.equal(share.take(60), true);
  assert.equal(share.take(60), false, "too many bytes");
  assert.equal(share.take(40), true);
  assert.equal(share.take(0), false, "too many messages");
  share.put(60);

  assert.equal(hand.messages, 1);
  assert.equal(share.take(60), true);
});

test("an ingest that takes all it can leaves each other one its guaranteed part, in messages and in bytes", () => {
  const messages = new Hand(80, 1_000_000, 2);
  const [registration, lifecycle] = [messages.share(), messages.share()];
  assert.equal(fill(registration, 1), 60, "its own quarter and the half that is shared");
  assert.equal(fill(lifecycle, 1), 20);

  const bytes = new Hand(1_000, 80_000, 2);
  const [large, small] = [bytes.share(), bytes.share()];
  assert.equal(fill(large, 10_000), 6);
  assert.equal(fill(small, 10_000), 2);
});

test("an ingest with nothing in hand takes a message that is larger than its room, and nothing beside it", () => {
  const hand = new Hand(10, 100, 2);
  const [first, second] = [hand.share(), hand.share()];

  assert.equal(first.take(1_000), true);
  assert.equal(first.take(1), false);
  assert.equal(second.take(25), true);
  assert.equal(second.take(25), false, "what is shared is taken");
  first.put(1_000);

  assert.equal(second.take(25), true);
});

test("what is shared belongs to whoever needs it once it is put down", () => {
  const hand = new Hand(80, 1_000_000, 2);
  const [first, second] = [hand.share(), hand.share()];
  fill(first, 1);
  fill(second, 1);

  for (let put = 0; put < 40; put += 1) first.put(1);

  assert.equal(fill(second, 1), 40);
  assert.equal(fill(first, 1), 0);
});

test("whatever is taken and put down in whatever order, the hand holds no more than its limits, but for one message an ingest, and each ingest gets its part", () => {
  const most = { messages: 37, bytes: 5_000 };
  const step = fc.record({ share: fc.nat(2), puts: fc.boolean(), bytes: fc.nat(900) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const hand = new Hand(most.messages, most.bytes, 3);
      const shares = [hand.share(), hand.share(), hand.share()];
      const held: number[][] = [[], [], []];
      for (const { share, puts, bytes } of steps) {
        const mine = held[share]!;
        if (puts && mine.length > 0) shares[share]!.put(mine.pop()!);
        else if (shares[share]!.take(bytes)) mine.push(bytes);
        else {
          const isBelowItsPart = mine.length < Math.floor(37 / 6) && sum(mine) + bytes <= Math.floor(5_000 / 6);
          assert.ok(!isBelowItsPart, "its guaranteed part was refused");
        }
        const all = held.flat();
        assert.equal(hand.messages, all.length);
        const largest = sum(held.map((each) => Math.max(0, ...each)));
        assert.ok(all.length <= most.messages && sum(all) <= most.bytes + largest, "more than the limits");
      }
    }),
  );
});

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
