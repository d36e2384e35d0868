import assert from "node:assert/strict";
import { test } from "node:test";
import { makeReport, reportSchema } from "../../../bench/jobs/payload.ts";
import { jobMessage } from "../../../bench/jobs/queue.ts";

test("jobs of the benchmark fit their schema, are distinct, and measure about a kilobyte", () => {
  const numbers = [0, 1, 2, 999, 1_000, 109_999, 149_999];

  const messages = numbers.map((number) => jobMessage("QUEUE", number));

  for (const { body } of messages) assert.equal(reportSchema.safeParse(JSON.parse(body)).error, undefined);
  assert.equal(new Set(messages.map(({ body }) => body)).size, numbers.length);
  assert.equal(new Set(messages.map(({ headers }) => headers.get("Nats-Msg-Id"))).size, numbers.length);
  for (const { body } of messages) assert.ok(body.length > 800 && body.length < 1_100, String(body.length));
});

test("a job with a field of the wrong kind does not fit, so the schema is checked in earnest", () => {
  const report = { ...makeReport(1), resources: { ...makeReport(1).resources, total: "812" } };

  assert.deepEqual(reportSchema.safeParse(report).error?.issues[0]?.path, ["resources", "total"]);
});
