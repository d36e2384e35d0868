import assert from "node:assert/strict";
import { test } from "node:test";
import { type History, simulate, type World } from "./simulation.ts";

const MINUTE = 60_000;

/** The defaults of the configuration, and a function that ends 5,000 messages a second after a cold start of 0.8 s. */
const USUAL: World = {
  settings: {
    maxInvocations: 4,
    minIntervalMs: 50,
    rampUpMs: 1_000,
    coolDownMs: 1_000,
    maxCoolDownMs: 30_000,
    targetAgeMs: 5_000,
  },
  arrivals: () => 0,
  coldStartMs: 800,
  slots: 50,
  handlerMs: 10,
  budgetMs: MINUTE,
  forMs: 5 * MINUTE,
  pollEveryMs: 1_000,
};

/** `perSecond` messages a second from `from` until `to`, in steps of ten milliseconds. */
function steady(perSecond: number, from: number, to: number): World["arrivals"] {
  return (ms) => {
    if (ms < from || ms >= to) return 0;
    const total = (until: number) => Math.floor(((until - from) * perSecond) / 1_000);
    return total(ms + 10) - total(ms);
  };
}

interface Case {
  readonly name: string;
  readonly world: Partial<World>;
  readonly mostStarted: number;
  readonly mostFruitless: number;
  /** A message may wait longer than this only while as many drains run as there may be. */
  readonly starvedMs: number;
  readonly check?: (history: History) => void;
}

const CASES: readonly Case[] = [
  {
    name: "nothing at all: nothing is started",
    world: {},
    mostStarted: 0,
    mostFruitless: 0,
    starvedMs: 0,
  },
  {
    name: "one message: one drain, at once",
    world: { arrivals: (ms) => (ms === 10_000 ? 1 : 0) },
    mostStarted: 1,
    mostFruitless: 0,
    starvedMs: 900,
    check: ({ startTimes }) => assert.deepEqual(startTimes, [10_000]),
  },
  {
    name: "a trickle of one message a second: a drain each, none in vain",
    world: { arrivals: steady(1, 0, 5 * MINUTE), coldStartMs: 20 },
    mostStarted: 301,
    mostFruitless: 0,
    starvedMs: 100,
    check: ({ mostInFlight }) => assert.equal(mostInFlight, 1),
  },
  {
    name: "75,000 messages a second for four seconds: all drains there may be, and no more starts than that takes",
    world: { arrivals: steady(75_000, 1_000, 5_000) },
    mostStarted: 5,
    mostFruitless: 1,
    starvedMs: 4_000,
    check: ({ mostInFlight, emptyAt }) => {
      assert.equal(mostInFlight, 4);
      assert.ok(emptyAt !== null && emptyAt < 20_000, `300,000 at 20,000 a second were done at ${emptyAt}`);
    },
  },
  {
    name: "a burst that one drain is done with in time: one drain",
    world: { arrivals: (ms) => (ms === 0 ? 10_000 : 0), coldStartMs: 100 },
    mostStarted: 1,
    mostFruitless: 0,
    starvedMs: 2_500,
  },
  {
    name: "a burst every minute: the drains come down between",
    world: { arrivals: (ms) => (ms % MINUTE === 0 && ms < 4 * MINUTE ? 100_000 : 0) },
    mostStarted: 4 * 4,
    mostFruitless: 1,
    starvedMs: 4_000,
    check: ({ mostInFlight }) => assert.ok(mostInFlight >= 3, `${mostInFlight} in flight`),
  },
  {
    name: "handlers that run for ten seconds: more drains because messages get old, and never more than there may be",
    world: { arrivals: steady(1, 0, 4 * MINUTE), slots: 2, handlerMs: 10_000 },
    mostStarted: 24,
    mostFruitless: 0,
    starvedMs: 7_000,
    check: ({ mostInFlight }) => assert.equal(mostInFlight, 4),
  },
  {
    name: "more than all drains can do for minutes: all of them, started anew only as they end",
    world: { arrivals: steady(30_000, 0, 2 * MINUTE) },
    mostStarted: 20,
    mostFruitless: 1,
    starvedMs: 4_000,
    check: ({ mostInFlight }) => assert.equal(mostInFlight, 4),
  },
  {
    name: "a job that is paused for four minutes: drains in vain ever more rarely, and all is done once it is resumed",
    world: { arrivals: (ms) => (ms === 0 ? 1_000 : 0), isPaused: (ms) => ms < 4 * MINUTE },
    mostStarted: 14,
    mostFruitless: 13,
    starvedMs: 4 * MINUTE + 32_000,
    check: ({ emptyAt }) => assert.ok(emptyAt !== null && emptyAt < 4 * MINUTE + 32_000, `done at ${emptyAt}`),
  },
  {
    name: "a function that fails for four minutes while messages come: not hammered, and all is done soon after",
    world: { arrivals: steady(10, 0, 4 * MINUTE), isFailing: (ms) => ms < 4 * MINUTE },
    mostStarted: 16,
    mostFruitless: 14,
    starvedMs: 4 * MINUTE + 32_000,
    check: ({ emptyAt }) => assert.ok(emptyAt !== null && emptyAt < 4 * MINUTE + 35_000, `done at ${emptyAt}`),
  },
  {
    name: "throttled for thirty seconds in a burst: few requests meanwhile, and the burst is done after",
    world: {
      arrivals: (ms) => (ms === 0 ? 200_000 : 0),
      concurrencyLimit: (ms) => (ms < 30_000 ? 0 : 100),
    },
    mostStarted: 10,
    mostFruitless: 6,
    starvedMs: 36_000,
    check: ({ refused, emptyAt }) => {
      assert.ok(refused <= 6, `${refused} refused`);
      assert.ok(emptyAt !== null && emptyAt < 60_000, `done at ${emptyAt}`);
    },
  },
  {
    name: "fewer allowed than wanted, for ever: those that are allowed run, and refusals stay rare",
    world: { arrivals: steady(12_000, 0, 4 * MINUTE), concurrencyLimit: () => 2 },
    mostStarted: 30,
    mostFruitless: 16,
    starvedMs: 5 * MINUTE,
    check: ({ refused, mostInFlight, longestUnusedMs }) => {
      assert.equal(mostInFlight, 3, "both that are allowed, and a try");
      assert.ok(refused > 0 && refused <= 16, `${refused} refused`);
      assert.ok(longestUnusedMs <= 2_000, `fewer than allowed for ${longestUnusedMs} ms`);
    },
  },
  {
    name: "one allowed of four: it is started anew at once whenever it ends",
    world: { arrivals: steady(6_000, 0, 4 * MINUTE), concurrencyLimit: () => 1 },
    mostStarted: 24,
    mostFruitless: 16,
    starvedMs: 5 * MINUTE,
    check: ({ refused, longestUnusedMs }) => {
      assert.ok(refused > 0 && refused <= 16, `${refused} refused`);
      assert.ok(longestUnusedMs <= 2_000, `fewer than allowed for ${longestUnusedMs} ms`);
    },
  },
  {
    name: "more is allowed after a while: it is found out within the longest pause, and used",
    world: { arrivals: steady(12_000, 0, 4 * MINUTE), concurrencyLimit: (ms) => (ms < 2 * MINUTE ? 1 : 4) },
    mostStarted: 32,
    mostFruitless: 16,
    starvedMs: 5 * MINUTE,
    check: ({ mostInFlight, longestUnusedMs }) => {
      assert.equal(mostInFlight, 4);
      assert.ok(longestUnusedMs <= 33_000, `fewer than allowed for ${longestUnusedMs} ms`);
    },
  },
];

for (const { name, world, mostStarted, mostFruitless, starvedMs, check } of CASES) {
  test(name, () => {
    const history = simulate({ ...USUAL, ...world });

    assert.ok(history.started <= mostStarted, `${history.started} started`);
    assert.ok(history.fruitless <= mostFruitless, `${history.fruitless} in vain`);
    assert.ok(history.longestStarvedMs <= starvedMs, `starved for ${history.longestStarvedMs} ms`);
    check?.(history);
  });
}
