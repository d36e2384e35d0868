import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  type Drain,
  type DrainEnd,
  decide,
  NOTHING_KNOWN,
  type ScaleState,
  withEnd,
  withReading,
  withStart,
} from "../../../functions/dispatcher/scaling/scale.ts";
import type { ScaleSettings } from "../../../functions/dispatcher/scaling/settings.ts";

const settingsOf = fc.record({
  maxInvocations: fc.integer({ min: 1, max: 20 }),
  minIntervalMs: fc.integer({ min: 0, max: 500 }),
  rampUpMs: fc.integer({ min: 0, max: 3_000 }),
  coolDownMs: fc.integer({ min: 1, max: 2_000 }),
  maxCoolDownMs: fc.integer({ min: 2_000, max: 60_000 }),
  targetAgeMs: fc.integer({ min: 1, max: 10_000 }),
});

const endOf: fc.Arbitrary<DrainEnd> = fc.oneof(
  fc.record({
    type: fc.constant("drained" as const),
    moved: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 100_000 })),
    left: fc.option(fc.integer({ min: 0, max: 1_000 })),
  }),
  fc.record({
    type: fc.constantFrom("failed" as const, "throttled" as const),
    atLeastMs: fc.integer({ min: 0, max: 100_000 }),
  }),
);

type Step =
  | { readonly type: "wait"; readonly ms: number }
  | { readonly type: "read"; readonly pending: number; readonly unsettled: number; readonly oldestMs: number | null }
  /** Ends one of the drains in flight. */
  | { readonly type: "end"; readonly which: number; readonly end: DrainEnd };

const stepOf: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ type: fc.constant("wait" as const), ms: fc.integer({ min: 0, max: 5_000 }) }),
  fc.record({
    type: fc.constant("read" as const),
    pending: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 1_000_000 })),
    unsettled: fc.integer({ min: 0, max: 5 }),
    oldestMs: fc.option(fc.integer({ min: 0, max: 20_000 })),
  }),
  fc.record({ type: fc.constant("end" as const), which: fc.nat(), end: endOf }),
);

interface Start {
  readonly at: number;
  /** As it was when the drain was decided on. */
  readonly state: ScaleState;
}

/** Does what `decide` says at every step; returns every start with the state it was decided in. */
function play(
  settings: ScaleSettings,
  steps: readonly Step[],
): { starts: readonly Start[]; last: ScaleState; now: number } {
  const running: Drain[] = [];
  const starts: Start[] = [];
  let state = NOTHING_KNOWN;
  let now = 1_000;
  for (const step of steps) {
    if (step.type === "wait") now += step.ms;
    else if (step.type === "read") {
      const { pending, unsettled, oldestMs } = step;
      state = withReading(state, { takenAt: now, pending, unsettled, ended: now, oldestMs, paused: false }, settings);
    } else if (running.length > 0) {
      const [drain] = running.splice(step.which % running.length, 1);
      if (drain !== undefined) state = withEnd(state, { ...drain, endedAt: now, end: step.end }, settings);
    }
    for (let decision = decide(state, settings, now); decision.start; decision = decide(state, settings, now)) {
      starts.push({ at: now, state });
      running.push({ startedAt: now, forRetries: decision.forRetries });
      state = withStart(state, now, settings);
      assert.equal(state.inFlight, running.length);
    }
  }
  return { starts, last: state, now };
}

function forAll(check: (settings: ScaleSettings, played: ReturnType<typeof play>) => void): void {
  fc.assert(
    fc.property(settingsOf, fc.array(stepOf, { minLength: 40, maxLength: 80 }), (settings, steps) =>
      check(settings, play(settings, steps)),
    ),
    { numRuns: 500 },
  );
}

test("there are never more drains than there may be, and none for an empty queue", () => {
  let seen = 0;
  forAll((settings, { starts }) => {
    for (const { state } of starts) {
      assert.ok(state.inFlight < settings.maxInvocations, "one too many");
      assert.ok((state.reading?.pending ?? 0) + (state.reading?.unsettled ?? 0) > 0, "nothing to do");
      seen += 1;
    }
  });
  assert.ok(seen > 1_000, `${seen} starts were looked at`);
});

test("nothing is started while cooling down", () => {
  let seen = 0;
  forAll((_settings, { starts }) => {
    for (const { at, state } of starts) {
      if (state.trouble === null) continue;
      assert.ok(at >= state.trouble.until, "started within the pause");
      seen += 1;
    }
  });
  assert.ok(seen > 100, `${seen} starts after trouble were looked at`);
});

test("two starts are the shortest interval apart, and drains at most double within the ramp", () => {
  forAll((settings, { starts }) => {
    for (const [index, { at, state }] of starts.entries()) {
      const before = starts[index - 1];
      if (before !== undefined) assert.ok(at - before.at >= settings.minIntervalMs, "too soon after the last one");
      const within = starts.slice(0, index + 1).filter((start) => start.at > at - settings.rampUpMs);
      const first = within[0];
      // Two ramps may touch: what was there when the older began can double twice.
      if (first !== undefined) assert.ok(state.inFlight + 1 <= 4 * Math.max(1, first.state.inFlight), "too steep");
    }
  });
});

test("with messages pending and no trouble, waiting is always long enough for a drain to run", () => {
  forAll((settings, { last, now }) => {
    const later = now + settings.maxCoolDownMs + settings.rampUpMs + settings.minIntervalMs;
    const read = { takenAt: later, pending: 1, unsettled: 0, ended: 0, oldestMs: 0, paused: false };
    const decision = decide(withReading(last, read, settings), settings, later);

    assert.ok(last.inFlight > 0 || decision.start, "a message would wait for ever");
  });
});

test("whoever is told to ask again at a time is not told the same then", () => {
  forAll((settings, { last, now }) => {
    const { againAt } = decide(last, settings, now);
    if (againAt === null) return;
    assert.ok(againAt > now, "in the past");
    assert.equal(decide(last, settings, againAt).againAt, null);
  });
});
