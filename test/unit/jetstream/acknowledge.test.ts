import assert from "node:assert/strict";
import { test } from "node:test";
import { nak } from "../../../shared/jetstream/acknowledge.ts";

test("a message is handed back with its delay in nanoseconds, or at once", () => {
  assert.equal(nak(1.5), '-NAK {"delay":1500000}');
  assert.equal(nak(0), "-NAK");
});

test("a delay that the server could not read is a delay all the same", () => {
  for (const delayMs of [1e13, 1e15, Number.MAX_VALUE]) {
    const [, digits] = /^-NAK \{"delay":(\d+)\}$/.exec(nak(delayMs)) ?? [];
    assert.ok(digits !== undefined, nak(delayMs));
    const until = BigInt(digits) + BigInt(Date.UTC(2100, 0)) * 1_000_000n;
    assert.ok(until < 2n ** 63n, `${delayMs}: ${digits}`);
  }
});
