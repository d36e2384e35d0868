import assert from "node:assert/strict";
import { test } from "node:test";
import { drainReportSchema, readInvocationEvent } from "../../../shared/lambda/event.ts";

const EVENT_BRIDGE = {
  version: "0",
  id: "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
  "detail-type": "Scheduled Event",
  source: "aws.events",
  account: "123456789012",
  time: "2026-11-24T16:53:06Z",
  region: "us-east-1",
  resources: ["arn:aws:events:us-east-1:123456789012:rule/minute"],
  detail: {},
};

for (const event of [undefined, null, 7, "text", [], ["job"], {}, EVENT_BRIDGE, { detail: { job: 1 } }]) {
  test(`an event without the documented fields asks for nothing in particular: ${JSON.stringify(event)}`, () => {
    assert.deepEqual(readInvocationEvent(event), { ok: true, event: {} });
  });
}

test("the documented fields are taken, and nothing beside them", () => {
  const event = { job: "inventory", budgetMs: 60_000, data: "x", __proto__: { evil: 1 } };

  assert.deepEqual(readInvocationEvent(event), { ok: true, event: { job: "inventory", budgetMs: 60_000 } });
});

const WRONG: readonly [event: object, field: string][] = [
  [{ job: 7 }, "job"],
  [{ job: "" }, "job"],
  [{ job: null }, "job"],
  [{ budgetMs: "60000" }, "budgetMs"],
  [{ budgetMs: 0 }, "budgetMs"],
  [{ budgetMs: 1.5 }, "budgetMs"],
  [{ budgetMs: Number.POSITIVE_INFINITY }, "budgetMs"],
];

for (const [event, field] of WRONG) {
  test(`a documented field that is wrong is named, in one line: ${JSON.stringify(event)}`, () => {
    const read = readInvocationEvent(event);

    assert.ok(!read.ok, "it was taken");
    assert.match(read.problem, new RegExp(`^[^\\n]*${field}: [^\\n]+$`));
  });
}

const REPORT = {
  processed: 3,
  retried: 1,
  dead: 0,
  dropped: 0,
  returned: 2,
  unsettled: 0,
  left: null,
  reason: "empty",
};

test("a drain's report is read, whatever a later version adds to it", () => {
  assert.deepEqual(drainReportSchema.parse({ ...REPORT, later: true }), REPORT);
});

test("what is no report is refused", () => {
  for (const wrong of [null, "ok", {}, { ...REPORT, processed: -1 }, { ...REPORT, left: "none" }]) {
    assert.equal(drainReportSchema.safeParse(wrong).success, false, JSON.stringify(wrong));
  }
});
