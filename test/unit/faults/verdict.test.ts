import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT_PLAN, FLAKY_FAILURES, fateOf, keyOf, type Plan } from "../../support/faults/ledger/plan.ts";
import type { Run } from "../../support/faults/ledger/run-log.ts";
import { type Books, type Fault, judge, NO_FAULTS, type Rules } from "../../support/faults/ledger/verdict.ts";

const PLAN: Plan = { ...DEFAULT_PLAN, flakyEvery: 7, poisonEvery: 10 };
const ENQUEUED = 60;
const RULES: Rules = {
  plan: PLAN,
  attempts: 5,
  crashes: 3,
  ordered: true,
  deaths: "none",
  serverDeaths: 0,
  leasesLost: false,
  standstills: 0,
  resurrects: false,
};

/** Books of a job that went as planned: message after message, each run after the one before. */
function makeBooks(overrides: Partial<Books> = {}): Books {
  const numbers = Array.from({ length: ENQUEUED }, (_, index) => index + 1);
  const poison = (number: number): boolean => fateOf(PLAN, number) === "poison";
  return {
    enqueued: ENQUEUED,
    effects: numbers.filter((number) => !poison(number)).map((number) => ({ number, key: keyOf(number) })),
    dead: numbers.filter(poison).map((number) => ({ number, reason: "ATTEMPTS_SPENT", attempts: RULES.attempts })),
    runs: numbers.flatMap(plannedRuns),
    marks: new Map(),
    left: 0,
    stranded: 0,
    exits: 0,
    ...overrides,
  };
}

function plannedRuns(number: number): readonly Run[] {
  const failures = { plain: 0, flaky: FLAKY_FAILURES, poison: RULES.attempts }[fateOf(PLAN, number)];
  const failed = Array.from({ length: failures }, (_, index) => makeRun(number, index + 1, { end: "failed" }));
  return fateOf(PLAN, number) === "poison" ? failed : [...failed, makeRun(number, failures + 1)];
}

/** Each message has ten milliseconds of its own, each attempt one of them. */
function makeRun(number: number, attempt: number, overrides: Partial<Run> = {}): Run {
  const startedAt = number * 10 + attempt;
  return { number, pid: 1, attempt, startedAt, endedAt: startedAt + 0.5, end: "done", ...overrides };
}

/** The books with one run more, in its place. */
function withRun(run: Run): Books {
  const books = makeBooks();
  return { ...books, runs: [...books.runs, run].sort((a, b) => a.startedAt - b.startedAt) };
}

function withoutRuns(number: number, kept: readonly Run[]): Books {
  const books = makeBooks();
  return { ...books, runs: [...books.runs.filter((run) => run.number !== number), ...kept] };
}

function faultsOf(books: Books, rules: Partial<Rules> = {}) {
  return judge(books, { ...RULES, ...rules }).faults;
}

test("books of a job that went as planned balance", () => {
  assert.deepEqual(faultsOf(makeBooks()), NO_FAULTS);
});

test("each fault made on purpose is found, and no other is seen in it", () => {
  const books = makeBooks();
  const [first] = books.effects;
  assert.ok(first !== undefined);
  const dead = books.dead.slice(0, 1);
  const interrupted = Array.from({ length: 9 }, (_, index) => makeRun(1, index + 1, { end: null }));
  const cases: readonly (readonly [what: string, books: Books, fault: Fault])[] = [
    ["an effect is lost", makeBooks({ effects: books.effects.slice(1) }), "missing"],
    ["a poison message was forgotten", makeBooks({ dead: books.dead.slice(1) }), "missing"],
    ["an effect is there twice", makeBooks({ effects: [first, ...books.effects] }), "duplicate effects"],
    ["a dead letter is there twice", makeBooks({ dead: [...dead, ...books.dead] }), "duplicate effects"],
    ["a message is stranded", makeBooks({ stranded: 1 }), "stranded"],
    ["a message is left", makeBooks({ left: 1 }), "left"],
    ["a worker ended by itself", makeBooks({ exits: 1 }), "exits"],
    ["a run counts as the second and was the first", withoutRuns(1, [makeRun(1, 2)]), "attempts overspent"],
    ["a message ran more often than it may", withoutRuns(1, [...interrupted, makeRun(1, 9)]), "attempts overspent"],
    ["a poison message was run once too often", withRun(makeRun(10, 6, { end: "failed" })), "attempts overspent"],
    ["a poison message died early", withoutRuns(10, plannedRuns(10).slice(1)), "attempts overspent"],
    ["a run began after its successor", withRun(makeRun(7, 2, { startedAt: 74 })), "stale runs"],
    ["effects of a key changed places", makeBooks({ effects: books.effects.toReversed() }), "order inversions"],
    ["a run overtook one of its key", withRun(makeRun(25, 1, { startedAt: 5 })), "order inversions"],
  ];

  for (const [what, made, fault] of cases) {
    const faults = faultsOf(made);
    assert.ok(faults[fault] > 0, `${what}: ${fault} is ${faults[fault]}`);
    assert.deepEqual({ ...faults, [fault]: 0 }, NO_FAULTS, what);
  }
});

test("a message that died although it did not fail has overspent its attempts, whatever the reason says", () => {
  for (const reason of ["ATTEMPTS_SPENT", "CRASHED", "TIMEOUT"]) {
    const books = makeBooks();
    const dead = [...books.dead, { number: 1, reason, attempts: 5 }];
    const effects = books.effects.filter(({ number }) => number !== 1);
    assert.deepEqual(faultsOf({ ...books, dead, effects }, { deaths: "workers" }), {
      ...NO_FAULTS,
      "attempts overspent": 1,
    });
  }
});

test("a message whose workers died as often as it may is rightly dead, elsewhere not", () => {
  const runs = Array.from({ length: RULES.crashes }, (_, index) => makeRun(1, index + 1, { end: null }));
  const books = withoutRuns(1, runs);
  const dead = [...books.dead, { number: 1, reason: "CRASHED", attempts: RULES.crashes }];
  const effects = books.effects.filter(({ number }) => number !== 1);

  assert.deepEqual(faultsOf({ ...books, dead, effects }, { deaths: "workers", ordered: false }), NO_FAULTS);
  assert.equal(faultsOf({ ...books, dead, effects }, { deaths: "none", ordered: false })["attempts overspent"], 1);
});

test("runs that died before they began are counted only as far as they were announced", () => {
  const books = withoutRuns(1, [makeRun(1, 4)]);
  const marks = (count: number) => ({ ...books, marks: new Map([[1, count]]) });

  assert.deepEqual(faultsOf(marks(3), { deaths: "workers" }), NO_FAULTS);
  assert.equal(faultsOf(marks(2), { deaths: "workers" })["attempts overspent"], 1);
  assert.equal(faultsOf(marks(3), { deaths: "none" })["attempts overspent"], 1, "where nothing dies it is one at most");
});

test("a standstill excuses one run that began late, and no second", () => {
  const once = withRun(makeRun(7, 2, { startedAt: 74 }));
  const twice = { ...once, runs: [...once.runs, makeRun(14, 2, { startedAt: 144 })] };

  assert.deepEqual(faultsOf(once, { standstills: 1 }), NO_FAULTS);
  assert.equal(faultsOf(twice, { standstills: 1 })["stale runs"], 2);
});

test("order is judged only where it was asked for", () => {
  const books = makeBooks();
  assert.deepEqual(faultsOf({ ...books, effects: books.effects.toReversed() }, { ordered: false }), NO_FAULTS);
});
