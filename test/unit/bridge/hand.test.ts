import assert from "node:assert/strict";
import { test } from "node:test";
import { Hand } from "../../../functions/bridge/hand.ts";

test("a hand takes up to its messages and its bytes, and again what was put down", () => {
  const hand = new Hand(2, 100);

  assert.equal(hand.take(60), true);
  assert.equal(hand.take(60), false, "too many bytes");
  assert.equal(hand.take(40), true);
  assert.equal(hand.take(0), false, "too many messages");
  hand.put(60);

  assert.equal(hand.messages, 1);
  assert.equal(hand.take(60), true);
});
