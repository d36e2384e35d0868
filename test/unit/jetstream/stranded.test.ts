import assert from "node:assert/strict";
import { test } from "node:test";
import { undeliverableUpTo } from "../../../shared/jetstream/reconcile.ts";
import { filtersOf, isClaimed, notOwed } from "../../../shared/jetstream/stranded.ts";

test("what is published while one looks counts for nothing, and there is never less than none", () => {
  const look = { lastSequenceBefore: 100, lastSequenceAfter: 100, messages: 10, owed: 7 };

  assert.equal(notOwed(look), 3);
  assert.equal(notOwed({ ...look, lastSequenceAfter: 102 }), 1);
  assert.equal(notOwed({ ...look, lastSequenceAfter: 150 }), 0);
});

test("a consumer owes what is in flight, and beyond its floor nothing can be said while there is any", () => {
  const facts = (num_ack_pending: number) => ({
    delivered: { consumer_seq: 30, stream_seq: 20, last_active: 0 },
    ack_floor: { consumer_seq: 6, stream_seq: 5, last_active: 0 },
    num_ack_pending,
  });

  assert.equal(undeliverableUpTo(facts(1)), 5);
  assert.equal(undeliverableUpTo(facts(0)), 20);
});

test("filters claim subjects by NATS's rules", () => {
  const claimed = ["jobs.a jobs.a", "jobs.a jobs.*", "jobs.a.b jobs.>", "jobs.a.b jobs.*.b", "x >"];
  const free = ["jobs jobs.>", "jobs.a.b jobs.*", "jobs.a jobs.b", "jobs.a jobs.a.b"];
  const isIt = (pair: string): boolean => isClaimed(...(pair.split(" ") as [string, string]));

  assert.deepEqual(claimed.filter(isIt), claimed);
  assert.deepEqual(free.filter(isIt), []);
});

test("a consumer without a filter takes everything", () => {
  const config = (given: object) => ({ config: given as Parameters<typeof filtersOf>[0]["config"] });

  assert.deepEqual(filtersOf(config({})), [">"]);
  assert.deepEqual(filtersOf(config({ filter_subject: "a.*" })), ["a.*"]);
  assert.deepEqual(filtersOf(config({ filter_subjects: ["a", "b"] })), ["a", "b"]);
});
