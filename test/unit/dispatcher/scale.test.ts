import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Drain,
  type DrainEnd,
  decide,
  NOTHING_KNOWN,
  type Reading,
  type ScaleState,
  withEnd,
  withReading,
  withStart,
} from "../../../functions/dispatcher/scaling/scale.ts";
import type { ScaleSettings } from "../../../functions/dispatcher/scaling/settings.ts";

const SETTINGS: ScaleSettings = {
  maxInvocations: 8,
  minIntervalMs: 50,
  rampUpMs: 1_000,
  coolDownMs: 1_000,
  maxCoolDownMs: 30_000,
  targetAgeMs: 5_000,
};

const NOW = 100_000;

function reading(changes: Partial<Reading>): Reading {
  return { takenAt: NOW, pending: 0, unsettled: 0, ended: 0, oldestMs: null, paused: false, ...changes };
}

function state(changes: Partial<ScaleState>): ScaleState {
  return { ...NOTHING_KNOWN, reading: reading({ pending: 10 }), ...changes };
}

const trouble = { since: NOW - 500, until: NOW + 500, times: 1 };

interface Case {
  readonly name: string;
  readonly given: ScaleState;
  readonly start: boolean;
  readonly wanted?: number;
  readonly againAt?: number;
}

const DECISIONS: readonly Case[] = [
  { name: "nothing is known yet", given: NOTHING_KNOWN, start: false, wanted: 0 },
  { name: "nothing pends", given: state({ reading: reading({}) }), start: false, wanted: 0 },
  { name: "something pends and none is in flight", given: state({}), start: true, wanted: 1 },
  { name: "something pends and one is in flight", given: state({ inFlight: 1 }), start: false, wanted: 1 },
  {
    name: "the server delivers nothing",
    given: state({ reading: reading({ pending: 10, paused: true }) }),
    start: false,
    wanted: 0,
  },
  {
    name: "the backlog takes one drain longer than messages may wait",
    given: state({ inFlight: 1, rate: 1, reading: reading({ pending: 10 }), ramp: { from: 1, since: NOW } }),
    start: true,
    wanted: 2,
  },
  {
    name: "the backlog takes one drain as long as messages may wait",
    given: state({ inFlight: 1, rate: 2, reading: reading({ pending: 10 }) }),
    start: false,
    wanted: 1,
  },
  {
    name: "a message waits longer than it may, whatever the rate says",
    given: state({
      inFlight: 1,
      rate: 1e6,
      reading: reading({ pending: 10, oldestMs: 5_001 }),
      ramp: { from: 1, since: NOW },
    }),
    start: true,
    wanted: 8,
  },
  {
    name: "a message has become too old since the look",
    given: state({
      inFlight: 1,
      reading: reading({ takenAt: NOW - 600, pending: 10, oldestMs: 4_500 }),
      ramp: { from: 1, since: NOW },
    }),
    start: true,
    wanted: 8,
  },
  {
    name: "there are as many drains as messages",
    given: state({ inFlight: 0, reading: reading({ pending: 2, oldestMs: 9_000 }) }),
    start: true,
    wanted: 2,
  },
  {
    name: "as many run as may",
    given: state({ inFlight: 8, reading: reading({ pending: 1e6, oldestMs: 9_000 }), ramp: { from: 8, since: NOW } }),
    start: false,
    wanted: 8,
  },
  {
    name: "the last start was a moment ago",
    given: state({ lastStartAt: NOW - 20 }),
    start: false,
    wanted: 1,
    againAt: NOW + 30,
  },
  {
    name: "drains have doubled within the ramp",
    given: state({
      inFlight: 2,
      reading: reading({ pending: 10, oldestMs: 9_000 }),
      ramp: { from: 1, since: NOW - 400 },
    }),
    start: false,
    wanted: 8,
    againAt: NOW + 600,
  },
  {
    name: "the ramp's time is over",
    given: state({
      inFlight: 2,
      reading: reading({ pending: 10, oldestMs: 9_000 }),
      ramp: { from: 1, since: NOW - 1_000 },
    }),
    start: true,
    wanted: 8,
  },
  { name: "cooling down", given: state({ trouble }), start: false, wanted: 1, againAt: NOW + 500 },
  {
    name: "the cool-down is over",
    given: state({ trouble: { ...trouble, until: NOW } }),
    start: true,
    wanted: 1,
  },
  {
    name: "a drain ended after the look, which may have counted what it took",
    given: state({ lastEndAt: NOW + 1 }),
    start: false,
    wanted: 1,
  },
  {
    name: "messages wait for their retry, and no drain of ours will take them",
    given: state({ reading: reading({ unsettled: 3 }), lastEndAt: NOW - 1_000 }),
    start: true,
    wanted: 1,
  },
  {
    name: "messages wait for their retry, and the last drain ended a moment ago",
    given: state({ reading: reading({ unsettled: 3 }), lastEndAt: NOW - 400 }),
    start: false,
    wanted: 1,
    againAt: NOW + 600,
  },
  {
    name: "retries were looked for in vain, twice",
    given: state({ reading: reading({ unsettled: 3 }), lastEndAt: NOW - 400, vainLooks: 2 }),
    start: false,
    wanted: 1,
    againAt: NOW + 3_600,
  },
  {
    name: "messages are in the hands of a drain of ours",
    given: state({ reading: reading({ unsettled: 3 }), inFlight: 1 }),
    start: false,
    wanted: 1,
  },
];

for (const { name, given, start, wanted, againAt } of DECISIONS) {
  test(`${start ? "a drain is started" : "no drain is started"} when ${name}`, () => {
    const decision = decide(given, SETTINGS, NOW);

    assert.deepEqual(
      { start: decision.start, wanted: decision.wanted, againAt: decision.againAt },
      { start, wanted, againAt: againAt ?? null },
    );
  });
}

const moved = (count: number, left: number | null = 5): DrainEnd => ({ type: "drained", moved: count, left });
const failed = (atLeastMs = 0): DrainEnd => ({ type: "failed", atLeastMs });
const drain: Drain = { startedAt: NOW - 200, forRetries: false };

function after(given: Partial<ScaleState>, end: DrainEnd, changes: Partial<Drain> = {}): ScaleState {
  return withEnd(state({ inFlight: 1, ...given }), { ...drain, ...changes, endedAt: NOW, end }, SETTINGS);
}

test("each drain that fails or moves nothing doubles the pause, up to the longest", () => {
  const pauses: number[] = [];
  let now = NOW;
  let current = state({ inFlight: 0 });
  for (const end of [failed(), moved(0), failed(), failed(), failed(), moved(0), failed()]) {
    const started = withStart(current, now, SETTINGS);
    current = withEnd(started, { startedAt: now, forRetries: false, endedAt: now + 10, end }, SETTINGS);
    pauses.push((current.trouble?.until ?? 0) - (now + 10));
    now = current.trouble?.until ?? now;
  }

  assert.deepEqual(pauses, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
});

test("drains that fail together count once", () => {
  const first = after({ inFlight: 3 }, failed());
  const second = withEnd(first, { ...drain, endedAt: NOW + 5, end: failed() }, SETTINGS);

  assert.deepEqual(second.trouble, { since: NOW, until: NOW + 1_000, times: 1 });
});

test("what Lambda says about coming again is waited for, up to the longest pause", () => {
  assert.equal(after({}, failed(4_000)).trouble?.until, NOW + 4_000);
  assert.equal(after({}, failed(Number.POSITIVE_INFINITY)).trouble?.until, NOW + 30_000);
});

test("a refusal beside drains that run makes no pause: their places may be used, and one more is tried ever more rarely", () => {
  const backlog = reading({ pending: 1e6, oldestMs: 9_000 });
  let current = state({ inFlight: 2, reading: backlog, trouble: null });
  const tries: number[] = [];
  for (let now = NOW; tries.length < 7; now = (current.limit?.tryAt ?? now) + 1) {
    const refusal: DrainEnd = { type: "throttled", atLeastMs: 0 };
    const started = withStart(current, now, SETTINGS);
    const ended = withEnd(started, { startedAt: now, forRetries: false, endedAt: now + 5, end: refusal }, SETTINGS);
    current = withReading(ended, { ...backlog, takenAt: now + 5 }, SETTINGS);
    tries.push((current.limit?.tryAt ?? 0) - (now + 5));
    assert.deepEqual([current.trouble, current.limit?.drains], [null, 2]);
    assert.equal(decide({ ...current, inFlight: 1 }, SETTINGS, now + 60).start, true);
    assert.deepEqual(decide(current, SETTINGS, now + 60).againAt, current.limit?.tryAt);
  }

  assert.deepEqual(tries, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
});

test("a try that was not refused for the ramp's time ends the limit", () => {
  const limit = { drains: 2, tryAt: NOW, times: 3, tried: false };
  const tried = withStart(state({ inFlight: 2, limit }), NOW, SETTINGS);
  const more = withStart(tried, NOW + 1_000, SETTINGS);

  assert.deepEqual(tried.limit, { drains: 3, tryAt: NOW + 1_000, times: 3, tried: true });
  assert.equal(more.limit, null);
});

test("a refusal with nothing in flight is a pause, and a limit that nobody came up to for long is forgotten", () => {
  const limit = { drains: 2, tryAt: NOW - 30_000, times: 3, tried: false };

  assert.equal(after({}, { type: "throttled", atLeastMs: 0 }).trouble?.until, NOW + 1_000);
  assert.equal(withReading(state({ limit }), reading({}), SETTINGS).limit, null);
  assert.deepEqual(withReading(state({ limit }), reading({ takenAt: NOW - 1 }), SETTINGS).limit, limit);
});

test("a drain that moved something ends the trouble if it was started after it began, and no other", () => {
  const old = { since: NOW - 100, until: NOW + 900, times: 3 };

  assert.equal(after({ trouble: { ...old, since: NOW - 300 } }, moved(1)).trouble, null);
  assert.deepEqual(after({ trouble: old }, moved(1)).trouble, old);
});

test("to find a queue empty once is no failure, twice in a row is", () => {
  const once = after({}, moved(0, 0));
  const twice = withEnd({ ...once, inFlight: 1 }, { ...drain, endedAt: NOW + 300, end: moved(0, 0) }, SETTINGS);

  assert.deepEqual([once.trouble, once.beaten], [null, true]);
  assert.equal(twice.trouble?.times, 1);
  assert.equal(after({ beaten: true }, moved(1)).beaten, false);
});

test("a look for retries in vain delays the next such look, and no drain for new messages", () => {
  const vain = after({ vainLooks: 4 }, moved(0), { forRetries: true });

  assert.equal(vain.vainLooks, 5);
  assert.equal(vain.trouble, null);
  assert.equal(decide(withReading(vain, reading({ pending: 1 }), SETTINGS), SETTINGS, NOW).start, true);
  assert.equal(after({ vainLooks: 4 }, moved(1), { forRetries: true }).vainLooks, 0);
});

test("the rate is what drains end while messages wait, averaged", () => {
  const first = withReading(state({ inFlight: 2 }), reading({ takenAt: NOW, pending: 900, ended: 100 }), SETTINGS);
  const second = withReading(first, reading({ takenAt: NOW + 1_000, pending: 500, ended: 700 }), SETTINGS);
  const third = withReading(second, reading({ takenAt: NOW + 2_000, pending: 300, ended: 900 }), SETTINGS);

  assert.deepEqual([first.rate, second.rate, third.rate], [null, 300, 200]);
});

test("a moment too short, nothing that ended, and an idle time teach no rate", () => {
  const first = withReading(state({ inFlight: 1, rate: 7 }), reading({ pending: 900, ended: 100 }), SETTINGS);
  const soon = withReading(first, reading({ takenAt: NOW + 100, pending: 900, ended: 105 }), SETTINGS);
  const stuck = withReading(soon, reading({ takenAt: NOW + 1_000, pending: 900, ended: 100 }), SETTINGS);
  const idle = withReading(stuck, reading({ takenAt: NOW + 2_000, pending: 0, ended: 1_000 }), SETTINGS);
  const busy = withReading(idle, reading({ takenAt: NOW + 3_000, pending: 900, ended: 1_001 }), SETTINGS);

  assert.deepEqual([soon.rate, stuck.rate, idle.rate, busy.rate], [7, 7, 7, 7]);
});

test("a report teaches the rate when messages were left, and otherwise only that it is higher", () => {
  assert.equal(after({}, moved(100, 5)).rate, 500);
  assert.equal(after({ rate: 100 }, moved(100, 5)).rate, 300);
  assert.equal(after({}, moved(100, 0)).rate, null);
  assert.equal(after({ rate: 100 }, moved(100, 0)).rate, 500);
  assert.equal(after({ rate: 100 }, moved(1, null)).rate, 100);
});

test("trouble is forgotten once there has been nothing to do for as long as the longest pause", () => {
  const old = { since: NOW - 30_000, until: NOW - 1, times: 5 };
  const recent = { since: NOW - 29_000, until: NOW - 1, times: 5 };

  assert.equal(withReading(state({ trouble: old }), reading({}), SETTINGS).trouble, null);
  assert.equal(withReading(state({ trouble: recent }), reading({}), SETTINGS).trouble, recent);
  assert.equal(withReading(state({ trouble: old }), reading({ pending: 1 }), SETTINGS).trouble, old);
});
