import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { pino } from "pino";
import type { Outcome } from "../../../functions/dispatcher/invoking/outcome.ts";
import { Gate } from "../../../functions/dispatcher/scaling/gate.ts";
import { JobDispatch } from "../../../functions/dispatcher/scaling/job-dispatch.ts";
import { Turns } from "../../../functions/dispatcher/scaling/turns.ts";

const SETTINGS = {
  maxInvocations: 4,
  minIntervalMs: 0,
  rampUpMs: 0,
  coolDownMs: 1_000,
  maxCoolDownMs: 30_000,
  targetAgeMs: 5_000,
};
const REPORT = {
  processed: 5,
  retried: 0,
  dead: 0,
  dropped: 0,
  returned: 0,
  unsettled: 0,
  left: 9,
  reason: "deadline",
};
const DRAINED: Outcome = { type: "drained", report: { ...REPORT, reason: "deadline" } };
const REFUSED: Outcome = { type: "throttled", retryAfterMs: null, detail: "too many" };

/** Jobs of one function behind one gate, at a time that stands still unless a drain ends; Lambda runs `allowed` of them. */
function setup(t: TestContext, places: number, names: readonly string[], allowed = Number.POSITIVE_INFINITY) {
  const gate = new Gate(places);
  const turns = new Turns();
  let now = 1_000;
  let accepted = 0;
  const jobs = names.map((name) => {
    const running: ((outcome: Outcome) => void)[] = [];
    const dispatch = new JobDispatch({
      name,
      functionName: "f",
      settings: SETTINGS,
      gate,
      turns,
      invoke: async () => {
        if (accepted >= allowed) return REFUSED;
        accepted += 1;
        return new Promise((resolve) => running.push(resolve));
      },
      look: () => {},
      now: () => now,
      onInvoked: () => {},
      log: pino({ level: "silent" }),
    });
    return {
      dispatch,
      /** A look that finds a backlog for as many drains as there may be, or so few messages that one drain is enough. */
      look: (pending = 100) => {
        const oldestMs = pending < 100 ? null : 9_000;
        dispatch.read({ takenAt: now, pending, unsettled: 0, ended: 0, oldestMs, paused: false });
      },
      /** Ends the drain that has run for longest. */
      end: async (outcome = DRAINED) => {
        now += 10;
        if (running.length > 0) accepted -= 1;
        running.shift()?.(outcome);
        await new Promise(setImmediate);
      },
    };
  });
  t.after(() => {
    for (const { dispatch } of jobs) dispatch.stop();
  });
  return { jobs, inFlight: () => jobs.map(({ dispatch }) => dispatch.inFlight) };
}

test("drains for which there is no place do not count as in flight, and nobody waits for them at a stop", async (t) => {
  const { jobs, inFlight } = setup(t, 1, ["a", "b"]);
  for (const { look } of jobs) look();
  assert.deepEqual(inFlight(), [1, 0]);

  for (const { dispatch } of jobs) dispatch.stop();
  const [a, b] = jobs;
  await b?.dispatch.idle();
  await a?.end();
  await a?.dispatch.idle();

  assert.deepEqual(inFlight(), [0, 0]);
});

test("a place goes to the job with the fewest drains, not to the one that asked first", async (t) => {
  const { jobs, inFlight } = setup(t, 3, ["a", "b", "c"]);
  const [a, b, c] = jobs;
  a?.look();
  assert.deepEqual(inFlight(), [3, 0, 0]);
  c?.look();
  b?.look();

  const seen: number[][] = [];
  for (let turn = 0; turn < 2; turn += 1) {
    await a?.end();
    a?.look(); // its backlog is as large as ever
    seen.push(inFlight());
  }

  assert.deepEqual(seen, [
    [2, 0, 1],
    [1, 1, 1],
  ]);
});

test("a job whose only drain ends keeps its place before those that have more", async (t) => {
  const { jobs, inFlight } = setup(t, 3, ["a", "b"]);
  const [a, b] = jobs;
  b?.look(1);
  a?.look();
  assert.deepEqual(inFlight(), [2, 1]);

  await b?.end();
  assert.deepEqual(inFlight(), [2, 0], "not before it is known whether b has more to do");
  b?.look();

  assert.deepEqual(inFlight(), [2, 1]);
});

test("a place that its job needs no longer is another's, also when its queue cannot be read", async (t) => {
  const { jobs, inFlight } = setup(t, 2, ["a", "b", "c"]);
  const [a, b, c] = jobs;
  a?.look(1);
  b?.look(1);
  c?.look();
  assert.deepEqual(inFlight(), [1, 1, 0]);

  await a?.end();
  a?.look(0);
  assert.deepEqual(inFlight(), [0, 1, 1]);
  b?.dispatch.trouble("away");
  await b?.end();

  assert.deepEqual(inFlight(), [0, 0, 2]);
});

test("jobs that share a function take turns when it runs fewer than there are jobs", async (t) => {
  const { jobs, inFlight } = setup(t, 10, ["a", "b", "c"], 2);
  const lookAll = async () => {
    for (const { look } of jobs) look();
    await new Promise(setImmediate); // refusals have come back
    for (const { look } of jobs) look();
  };
  await lookAll();
  const idleFor = [0, 0, 0];
  let longestIdle = 0;
  for (let round = 0; round < 30; round += 1) {
    const ending = jobs[inFlight().findIndex((count, index) => count > 0 && (round % 3 === index || round % 3 > 1))];
    await (ending ?? jobs.find(({ dispatch }) => dispatch.inFlight > 0))?.end();
    await lookAll();
    inFlight().forEach((count, index) => {
      idleFor[index] = count > 0 ? 0 : (idleFor[index] ?? 0) + 1;
    });
    longestIdle = Math.max(longestIdle, ...idleFor);
  }

  assert.equal(
    inFlight().reduce((sum, count) => sum + count),
    2,
  );
  assert.ok(longestIdle <= 3, `a job had no drain while ${longestIdle} others ended`);
});

test("a job that Lambda holds below what it should have says so, and starts anew at once what ends", async (t) => {
  const { jobs, inFlight } = setup(t, 10, ["a"]);
  const [a] = jobs;
  a?.look();
  assert.deepEqual(inFlight(), [4]);
  for (const outcome of [REFUSED, REFUSED]) {
    await a?.end(outcome);
    a?.look();
  }
  assert.deepEqual(inFlight(), [2]);
  assert.deepEqual([a?.dispatch.state, a?.dispatch.detail, a?.dispatch.wanted], ["throttled", "too many", 4]);

  await a?.end();
  assert.deepEqual(inFlight(), [1]);
  a?.look();

  assert.deepEqual(inFlight(), [2]);
});
