import assert from "node:assert/strict";
import { test } from "node:test";
import { readDeadLetter } from "../../../shared/jetstream/dead-letters.ts";
import { planReplay, type ReplayPlan } from "../../../shared/jetstream/replay-plan.ts";
import { makeDeadHeaders, makeStored } from "../../support/dead-letters.ts";

const plan = (changes: Record<string, string> = {}, limits = { maxReplays: 3, force: false }): ReplayPlan =>
  planReplay(readDeadLetter(makeStored(makeDeadHeaders(changes))), limits);

test("a replay has its own headers, a new id, the id of all its lives, and nothing of the life that ended", () => {
  const replay = plan({
    "X-Own": "kept",
    "Nats-Msg-Id": "dead:JOBS:7",
    "Nats-Rollup": "all",
    "Job-Attempts": "9",
    "Job-Crashes": "1",
    "Job-Parks": "2",
    "Job-First-Run-At": "2026-11-20T10:00:00Z",
    "Delay-Until": "5",
  });

  assert.deepEqual(replay, {
    type: "publish",
    publication: {
      subject: "jobs.a",
      stream: "JOBS",
      id: "abc.r1",
      headers: [
        ["Choria-Sender", "n1.example.net"],
        ["X-Own", "kept"],
        ["Job-Parks", "2"], // parked copies are numbered on: an id of the last life would be a duplicate
        ["Job-Id", "abc"],
        ["Job-Replays", "1"],
      ],
      body: Buffer.from("body"),
    },
  });
});

test("replays are counted, and beyond the cap only force makes another one", () => {
  const second = plan({ "Job-Id": "abc", "Job-Replays": "1", "Dead-Message-Id": "abc.r1" });
  assert.equal(second.type === "publish" && second.publication.id, "abc.r2");

  const spent = { "Job-Id": "abc", "Job-Replays": "3" };
  assert.deepEqual(plan(spent), { type: "capped", replays: 3 });
  const forced = plan(spent, { maxReplays: 3, force: true });
  assert.equal(forced.type === "publish" && forced.publication.id, "abc.r4");
});

test("what is not whole, or does not say where it came from, is not replayed", () => {
  assert.deepEqual(plan({ "Dead-Truncated-From": "9000" }), { type: "truncated", bytes: 4, of: 9000 });
  for (const headers of [{ "Dead-Stream": "" }, { "Dead-Subject": "" }, { "Dead-Subject": "jobs.a reply" }]) {
    assert.equal(plan(headers).type, "unusable", JSON.stringify(headers));
  }
  assert.equal(plan({ "Dead-Message-Id": "", "Dead-Stored-At": "" }).type, "unusable");
});
