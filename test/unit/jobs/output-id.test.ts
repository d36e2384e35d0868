import assert from "node:assert/strict";
import { test } from "node:test";
import { outputId } from "../../../shared/jobs/output-id.ts";

test("the same output of the same run has the same id", () => {
  const origin = { inputId: "in", handler: "h", index: 0 };

  assert.equal(outputId(origin), outputId({ ...origin }));
  assert.match(outputId(origin), /^[0-9a-f]{64}$/);
});

test("another input, handler or index makes another id, wherever the texts are cut", () => {
  const ids = [
    outputId({ inputId: "in", handler: "h", index: 0 }),
    outputId({ inputId: "in", handler: "h", index: 1 }),
    outputId({ inputId: "in", handler: "h0", index: 0 }),
    outputId({ inputId: "inh", handler: "", index: 0 }),
    outputId({ inputId: "", handler: "inh", index: 0 }),
    outputId({ inputId: 'in","h', handler: "", index: 0 }),
  ];

  assert.equal(new Set(ids).size, ids.length);
});
