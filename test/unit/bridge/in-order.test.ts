import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { InOrder } from "../../../functions/bridge/in-order.ts";

test("results are released in the order of arrival, whatever the order in which the work ends", () => {
  fc.assert(
    fc.property(fc.shuffledSubarray([...Array(50).keys()], { minLength: 50 }), (endings) => {
      const released: number[] = [];
      const order = new InOrder<number>((result) => released.push(result));
      const finish = endings.map(() => order.take());

      for (const place of endings) finish[place]?.(place);

      assert.deepEqual(released, [...Array(50).keys()]);
    }),
  );
});

test("a result that comes early waits for those before it", () => {
  const released: string[] = [];
  const order = new InOrder<string>((result) => released.push(result));
  const [first, second] = [order.take(), order.take()];

  second("second");
  assert.deepEqual(released, []);
  first("first");

  assert.deepEqual(released, ["first", "second"]);
});
