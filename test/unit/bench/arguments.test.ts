import assert from "node:assert/strict";
import { test } from "node:test";
import { readArguments } from "../../../bench/arguments.ts";

test("without arguments everything is measured; a subject can be measured or profiled alone", () => {
  assert.deepEqual(readArguments([]), { mode: "all" });
  assert.deepEqual(readArguments(["--only", "floor-worker,worker"]), {
    mode: "only",
    names: ["floor-worker", "worker"],
  });
  assert.deepEqual(readArguments(["--profile", "worker"]), { mode: "profile", name: "worker" });
});

for (const args of [["--profile"], ["--only", ""], ["worker"], ["--profile", "worker", "more"], ["--fast", "worker"]]) {
  test(`"${args.join(" ")}" is answered with the usage`, () => {
    assert.throws(() => readArguments(args), /^RangeError: usage: npm run bench/);
  });
}
