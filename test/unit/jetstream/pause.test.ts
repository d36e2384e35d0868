import assert from "node:assert/strict";
import { test } from "node:test";
import { isInForce, parsePause } from "../../../shared/jetstream/pause.ts";

const WRITTEN_AT = new Date("2026-01-31T12:00:00Z");

test("a flag says who paused the job, since when and until when", () => {
  const text = '{"by":"ops@host","at":"2026-01-31T11:00:00Z","until":"2026-01-31T13:00:00Z"}';

  assert.deepEqual(parsePause(text, WRITTEN_AT), {
    by: "ops@host",
    at: new Date("2026-01-31T11:00:00Z"),
    until: new Date("2026-01-31T13:00:00Z"),
  });
});

for (const text of ["", "true", "null", "{", '{"by":7,"at":"yesterday","until":12}', "[]"]) {
  test(`a flag of "${text}" pauses without an end, since it was written`, () => {
    assert.deepEqual(parsePause(text, WRITTEN_AT), { by: "unknown", at: WRITTEN_AT, until: null });
  });
}

test("a pause is in force until its end, and one without an end for ever", () => {
  const until = new Date("2026-01-31T13:00:00Z");
  const pause = { by: "ops", at: WRITTEN_AT, until };

  assert.equal(isInForce(pause, until.getTime() - 1), true);
  assert.equal(isInForce(pause, until.getTime()), false);
  assert.equal(isInForce({ ...pause, until: null }, Number.MAX_SAFE_INTEGER), true);
});
