/** What becomes of a message by its own doing: `flaky` ones fail their first runs, `poison` ones fail all of them. */
export type Fate = "plain" | "flaky" | "poison";

/** How many messages of which kind. Number N stands for the same message in every process. */
export interface Plan {
  /** One of so many is flaky; 0: none. */
  readonly flakyEvery: number;
  /** One of so many is poison; 0: none. */
  readonly poisonEvery: number;
  /** Longest time a run takes, milliseconds; runs differ, so that a fault finds them at every point. */
  readonly longestRunMs: number;
  /** Messages whose first run keeps its worker's event loop busy, and for how long. */
  readonly spinning: readonly number[];
  readonly spinMs: number;
}

export const DEFAULT_PLAN: Plan = { flakyEvery: 23, poisonEvery: 211, longestRunMs: 20, spinning: [], spinMs: 0 };

/** Runs that a flaky message fails before it succeeds. */
export const FLAKY_FAILURES = 2;
const ALWAYS = 1_000_000;
const KEYS = 24;

/** What a handler is told to do, as the message's body. */
export interface Task {
  readonly number: number;
  readonly failures: number;
  readonly runMs: number;
  readonly spinMs: number;
}

/** Numbers begin at 1. */
export function keyOf(number: number): string {
  return `node${number % KEYS}`;
}

export function fateOf({ flakyEvery, poisonEvery }: Plan, number: number): Fate {
  if (poisonEvery > 0 && number % poisonEvery === 0) return "poison";
  return flakyEvery > 0 && number % flakyEvery === 0 ? "flaky" : "plain";
}

export function taskOf(plan: Plan, number: number): Task {
  const failures: Readonly<Record<Fate, number>> = { plain: 0, flaky: FLAKY_FAILURES, poison: ALWAYS };
  return {
    number,
    failures: failures[fateOf(plan, number)],
    runMs: (number * 7) % (plan.longestRunMs + 1),
    spinMs: plan.spinning.includes(number) ? plan.spinMs : 0,
  };
}
