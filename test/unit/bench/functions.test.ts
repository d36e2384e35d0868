import assert from "node:assert/strict";
import { test } from "node:test";
import { type FunctionsMeasured, renderFunctions } from "../../../bench/lambda/section.ts";

test("bars of the functions that are held and bars that are missed are told apart, at the bar too", () => {
  const held = renderFunctions(
    makeMeasured({ bytes: 600_000, importMs: 20, rate: 70, coldMs: 1_000, emptyMs: 50 }),
    "",
  );
  const missed = renderFunctions(
    makeMeasured({ bytes: 600_001, importMs: 21, rate: 69, coldMs: 1_001, emptyMs: 51 }),
    "",
  );

  assert.equal(held.match(/\(held\)/g)?.length, 6);
  assert.doesNotMatch(held, /MISSED|NaN/);
  assert.equal(missed.match(/\(MISSED\)/g)?.length, 6);
});

interface Facts {
  readonly bytes: number;
  readonly importMs: number;
  readonly rate: number;
  readonly coldMs: number;
  readonly emptyMs: number;
}

function makeMeasured({ bytes, importMs, rate, coldMs, emptyMs }: Facts): FunctionsMeasured {
  const imports = (ms: number) => new Map([["v24.0.0", [ms]]]);
  return {
    node: "24.0.0",
    bundles: [
      { name: "nats + zod", bytes: 1_000_000, importsMs: imports(10) },
      { name: "consumer", bytes, importsMs: imports(importMs) },
    ],
    backlogs: [
      {
        messages: 1_000,
        processes: 2,
        functions: [{ messages: rate, seconds: 1, cpuSeconds: 1 }],
        workers: [{ messages: 100, seconds: 1, cpuSeconds: 1 }],
      },
    ],
    emptyMs: [emptyMs],
    wake: { coldMs: [coldMs], warmMs: [coldMs - 850] },
  };
}
