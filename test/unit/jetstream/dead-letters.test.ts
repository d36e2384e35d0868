import assert from "node:assert/strict";
import { test } from "node:test";
import { type DeadLetterFilter, fits, readDeadLetter } from "../../../shared/jetstream/dead-letters.ts";
import { makeDeadHeaders, makeStored } from "../../support/dead-letters.ts";

const read = (changes: Record<string, string> = {}) => readDeadLetter(makeStored(makeDeadHeaders(changes)));
const everything: DeadLetterFilter = {
  job: null,
  reason: null,
  sender: null,
  id: null,
  diedBefore: null,
  diedAfter: null,
};

test("a dead letter is read from its headers", () => {
  const { headers: _headers, body, ...letter } = read({ "Dead-First-Run-At": "2026-11-20T10:30:00Z" });

  assert.equal(Buffer.from(body).toString(), "body");
  assert.deepEqual(letter, {
    sequence: 1,
    job: "work",
    handler: "store",
    reason: "NO_SUCH_HOST",
    error: "who is that",
    attempts: 3,
    diedAt: new Date("2026-11-20T11:00:00Z"),
    firstRunAt: new Date("2026-11-20T10:30:00Z"),
    sender: "n1.example.net",
    stream: "JOBS",
    streamSequence: 7,
    subject: "jobs.a",
    storedAt: new Date("2026-11-20T10:00:00.123Z"),
    id: "abc",
    replays: 0,
    truncatedFrom: null,
  });
});

test("a message is the same one in all its lives: by Job-Id, its own id, or its place and time", () => {
  assert.equal(read({ "Job-Id": "base", "Dead-Message-Id": "base.r1" }).id, "base");
  assert.equal(read().id, "abc");
  assert.equal(read({ "Dead-Message-Id": "" }).id, "JOBS:7:1795168800123");
});

test("a message that is no dead letter is read as an empty one", () => {
  const letter = readDeadLetter(makeStored({ "Dead-Attempts": "many", "Dead-At": "yesterday", "Job-Replays": "-1" }));

  assert.deepEqual(
    [letter.id, letter.subject, letter.attempts, letter.replays, letter.diedAt],
    ["", "", 0, 0, new Date("2026-11-20T11:00:01Z")],
  );
});

test("filters hold all at once", () => {
  const letter = read();
  const cases: readonly (readonly [Partial<DeadLetterFilter>, boolean])[] = [
    [{}, true],
    [{ job: "work", reason: "NO_SUCH_HOST", sender: "n1.example.net", id: "abc" }, true],
    [{ job: "work", reason: "TIMEOUT" }, false],
    [{ sender: "n1" }, false],
    [{ id: "ab" }, false],
    [{ diedBefore: new Date("2026-11-20T11:00:00Z") }, false],
    [{ diedBefore: new Date("2026-11-20T11:00:01Z") }, true],
    [{ diedAfter: new Date("2026-11-20T11:00:00Z") }, false],
    [{ diedAfter: new Date("2026-11-20T10:59:59Z") }, true],
  ];
  for (const [filter, expected] of cases) {
    assert.equal(fits(letter, { ...everything, ...filter }), expected, JSON.stringify(filter));
  }
});
