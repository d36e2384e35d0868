import assert from "node:assert/strict";
import { test } from "node:test";
import { readArguments } from "../../../bench/arguments.ts";

test("without arguments everything is measured; a subject can be measured or profiled alone", () => {
  assert.deepEqual(readArguments([]), { mode: "all" });
  assert.deepEqual(readArguments(["--production"]), { mode: "production" });
  assert.deepEqual(readArguments(["--only", "floor-worker,worker"]), {
    mode: "only",
    names: ["floor-worker", "worker"],
  });
  assert.deepEqual(readArguments(["--profile", "worker"]), { mode: "profile", name: "worker" });
});

test("bars of the bridge can be measured by name, in a short form too", () => {
  assert.deepEqual(readArguments(["rates"]), { mode: "parts", names: ["rates"], isShort: false });
  assert.deepEqual(readArguments(["flood", "fleet", "short"]), {
    mode: "parts",
    names: ["flood", "fleet"],
    isShort: true,
  });
});

test("the functions can be measured alone, and in a short form", () => {
  assert.deepEqual(readArguments(["--functions"]), { mode: "functions", isShort: false });
  assert.deepEqual(readArguments(["--functions", "short"]), { mode: "functions", isShort: true });
});

for (const args of [
  ["--functions", "long"],
  ["--profile"],
  ["--only", ""],
  ["worker"],
  ["short"],
  ["flood", "worker"],
  ["--profile", "worker", "more"],
  ["--fast", "worker"],
]) {
  test(`"${args.join(" ")}" is answered with the usage`, () => {
    assert.throws(() => readArguments(args), /^RangeError: usage: npm run bench/);
  });
}
