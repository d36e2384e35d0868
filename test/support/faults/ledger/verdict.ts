import { fateOf, keyOf, type Plan } from "./plan.ts";
import type { Run } from "./run-log.ts";

/** An effect: something that stands in the outputs' stream. */
export interface Effect {
  readonly number: number;
  readonly key: string;
}

export interface DeadLetter {
  readonly number: number;
  readonly reason: string;
  /** What its headers say. */
  readonly attempts: number;
}

/** Everything the ledger has seen, once nothing happens any more. */
export interface Books {
  /** Numbers 1 to this one were enqueued, each confirmed by the stream. */
  readonly enqueued: number;
  /** In the order in which they were stored. */
  readonly effects: readonly Effect[];
  readonly dead: readonly DeadLetter[];
  /** In the order in which they began. */
  readonly runs: readonly Run[];
  /** Runs that workers announced before they began, by message; the first of a message never is. */
  readonly marks: ReadonlyMap<number, number>;
  /** Messages in the work queue. */
  readonly left: number;
  /** Messages in the work queue that are neither pending nor in flight. */
  readonly stranded: number;
  /** Workers that ended without being killed. */
  readonly exits: number;
}

/** What the job was told, and what the fault leaves uncertain. */
export interface Rules {
  readonly plan: Plan;
  readonly attempts: number;
  readonly crashes: number;
  readonly ordered: boolean;
  /**
   * Where anything dies a run may have been announced that never began, or have failed without being counted. A server that
   * dies may also forget deliveries and acks it has confirmed: what is done comes again as if for the first time.
   */
  readonly deaths: "none" | "workers" | "servers";
  /** How often a server died: each time it may have forgotten that a message had been delivered, and a run with it. */
  readonly serverDeaths: number;
  /** Workers stand still or are cut off until leases are over: a first run that failed then cannot be noted. */
  readonly leasesLost: boolean;
  /**
   * How often a worker was stopped in the midst of its work. Each time one run may have been between its worker's last look at
   * the lease and its own first line, where nothing can hold it back.
   */
  readonly standstills: number;
  /** The server may bring back what was settled when it is killed: such a message lives once more. nats-server 2.9 does. */
  readonly resurrects: boolean;
}

export interface Verdict {
  /** All of them have to be 0. */
  readonly faults: Readonly<Record<Fault, number>>;
  /** What was counted, for people. */
  readonly counted: Readonly<Record<string, number>>;
  /** The first few of each fault. */
  readonly evidence: readonly string[];
}

export type Fault =
  | "missing"
  | "duplicate effects"
  | "stranded"
  | "left"
  | "attempts overspent"
  | "stale runs"
  | "order inversions"
  | "exits";

/** A fault with its place: `message 7 was never …`. */
type Findings = readonly string[];

type RunsByNumber = ReadonlyMap<number, readonly Run[]>;

const MOST_TOLD = 5;
const MOST_RUNS_TOLD = 12;

/** Balances the books. */
export function judge(books: Books, rules: Rules): Verdict {
  const byNumber = groupBy(books.runs, ({ number }) => number);
  const late = stale(byNumber);
  const findings: Readonly<Record<Fault, Findings>> = {
    missing: missing(books, rules, byNumber),
    "duplicate effects": [
      ...repeated(books.effects, "effects"),
      ...repeated(books.dead, "dead letters"),
      ...both(books),
    ],
    stranded: staysBehind(rules) ? [] : repeatedly(books.stranded, "in the queue, neither pending nor in flight"),
    left: staysBehind(rules) ? [] : repeatedly(books.left, "in the queue"),
    "attempts overspent": overspent(books, rules, byNumber),
    "stale runs": rules.deaths === "servers" || late.length <= rules.standstills ? [] : late,
    "order inversions": rules.ordered ? [...effectInversions(books), ...runInversions(books, byNumber)] : [],
    exits: repeatedly(books.exits, "a worker ended by itself"),
  };
  const entries = Object.entries(findings) as [Fault, Findings][];
  return {
    faults: Object.fromEntries(entries.map(([fault, { length }]) => [fault, length])) as Verdict["faults"],
    counted: { ...count(books), "runs that began late": late.length },
    evidence: entries.flatMap(([fault, found]) => found.slice(0, MOST_TOLD).map((one) => `${fault}: ${one}`)),
  };
}

/** What such a server brought back may lie there for long. That nothing is missing and nothing twice is judged all the same. */
function staysBehind({ resurrects }: Rules): boolean {
  return resurrects;
}

/** All zero: what a verdict has to say. */
export const NO_FAULTS: Verdict["faults"] = {
  missing: 0,
  "duplicate effects": 0,
  stranded: 0,
  left: 0,
  "attempts overspent": 0,
  "stale runs": 0,
  "order inversions": 0,
  exits: 0,
};

function count({ enqueued, effects, dead, runs, marks }: Books): Verdict["counted"] {
  const ended = (end: Run["end"]): number => runs.filter((run) => run.end === end).length;
  return {
    enqueued,
    effects: effects.length,
    dead: dead.length,
    runs: runs.length,
    "runs interrupted": ended(null),
    "runs thwarted": ended("thwarted"),
    "runs failed as planned": ended("failed"),
    "runs announced": [...marks.values()].reduce((sum, count) => sum + count, 0),
    crashed: dead.filter(({ reason }) => reason === "CRASHED").length,
    workers: new Set(runs.map(({ pid }) => pid)).size,
  };
}

function missing({ enqueued, effects, dead }: Books, rules: Rules, byNumber: RunsByNumber): Findings {
  const done = new Set(effects.map(({ number }) => number));
  const buried = new Set(dead.map(({ number }) => number));
  return numbersTo(enqueued)
    .filter((number) => (fateOf(rules.plan, number) === "poison" ? !buried.has(number) : !done.has(number)))
    .filter((number) => !buried.has(number)) // a wrong death is an attempt overspent, and is told there
    .map((number) => `${number} has no effect: ${story(byNumber.get(number) ?? [])}`);
}

function repeated(those: readonly { readonly number: number }[], what: string): Findings {
  const byNumber = groupBy(those, ({ number }) => number);
  return [...byNumber]
    .filter(([, { length }]) => length > 1)
    .map(([number, { length }]) => `${number} has ${length} ${what}`);
}

function both({ effects, dead }: Books): Findings {
  const done = new Set(effects.map(({ number }) => number));
  return dead.filter(({ number }) => done.has(number)).map(({ number }) => `${number} is dead and has an effect`);
}

function overspent(books: Books, rules: Rules, byNumber: RunsByNumber): Findings {
  const runsOf = (number: number): readonly Run[] => byNumber.get(number) ?? [];
  return [
    ...[...byNumber].flatMap(
      ([number, runs]) => tooManyRuns(number, runs, rules) ?? ranAhead(number, runs, rules, books.marks) ?? [],
    ),
    ...books.dead.flatMap((letter) => wrongDeath(letter, runsOf(letter.number), rules, books.marks) ?? []),
  ];
}

function tooManyRuns(number: number, runs: readonly Run[], rules: Rules): string | null {
  const { crashes, deaths, serverDeaths, leasesLost } = rules;
  const attempts = rules.attempts * (rules.resurrects ? 1 + serverDeaths : 1);
  const failed = runs.filter(({ end }) => end === "failed").length;
  if (failed > attempts + (deaths === "workers" || leasesLost ? 1 : serverDeaths))
    return `${number} failed ${failed} times of ${attempts}: ${story(runs)}`;
  if (runs.length <= attempts + crashes) return null;
  return `${number} ran ${runs.length} times: ${story(runs)}`;
}

/** A run whose number is higher than the runs there were, and those that were announced and never began. */
function ranAhead(number: number, runs: readonly Run[], rules: Rules, marks: Books["marks"]): string | null {
  const slack = unbegun(number, runs, rules, marks);
  const ahead = runs.some(({ attempt }, index) => attempt > index + 1 + slack);
  return ahead ? `${number} was told attempts that no run had spent: ${story(runs)}` : null;
}

/**
 * Runs that were announced and never began. Each needs a death or a standstill between the two, so where nothing dies there
 * is one at most; and where servers die an announcement may not have been heard.
 */
function unbegun(number: number, runs: readonly Run[], { deaths }: Rules, marks: Books["marks"]): number {
  const announced = Math.max(0, (marks.get(number) ?? 0) + 1 - runs.length);
  return deaths === "none" ? Math.min(1, announced) : Math.max(1, announced);
}

/** A death that neither the message's own failures nor the deaths of its workers explain. */
function wrongDeath(letter: DeadLetter, runs: readonly Run[], rules: Rules, marks: Books["marks"]): string | null {
  const { number, reason } = letter;
  const crashed = runs.filter(({ end }) => end === null).length + unbegun(number, runs, rules, marks);
  const isSpent = runs.filter(({ end }) => end === "failed").length + crashed >= rules.attempts;
  if ((reason === "ATTEMPTS_SPENT" || reason === "TIMEOUT") && isSpent) return null;
  if (reason === "CRASHED" && (isSpent || crashed >= rules.crashes) && rules.deaths !== "none") return null;
  return `${number} (${fateOf(rules.plan, number)}) is dead as ${reason} after ${letter.attempts} attempts: ${story(runs)}`;
}

/** A run that began although another worker had begun a later one: its message was in other hands. */
function stale(byNumber: RunsByNumber): Findings {
  return [...byNumber].flatMap(([number, runs]) => {
    const late = runs.filter(({ attempt }, index) => runs.slice(0, index).some((before) => before.attempt > attempt));
    return late.map(({ attempt, pid }) => `run #${attempt} of ${number} began late in ${pid}: ${story(runs)}`);
  });
}

function effectInversions({ effects }: Books): Findings {
  const latest = new Map<string, number>();
  return effects.flatMap(({ number, key }) => {
    const before = latest.get(key) ?? 0;
    latest.set(key, Math.max(before, number));
    return number >= before ? [] : [`the effect of ${number} (${key}) was stored after that of ${before}`];
  });
}

/** A run that began before an earlier message of its key had been done, or had failed for the last time. */
function runInversions({ enqueued, runs }: Books, byNumber: RunsByNumber): Findings {
  const keys = groupBy(numbersTo(enqueued), keyOf);
  const readyAt = new Map<number, number>();
  for (const numbers of keys.values()) {
    let ready = 0;
    for (const number of numbers) {
      readyAt.set(number, ready);
      ready = Math.max(ready, overAt(byNumber.get(number) ?? []));
    }
  }
  return runs
    .filter(({ number, startedAt }) => startedAt < (readyAt.get(number) ?? 0))
    .map(({ number, pid }) => `a run of ${number} (${keyOf(number)}) began in ${pid} before those before it were over`);
}

function overAt(runs: readonly Run[]): number {
  const done = runs.filter(({ end }) => end === "done").map(({ endedAt }) => endedAt);
  if (done.length > 0) return Math.min(...done);
  return Math.max(0, ...runs.filter(({ end }) => end !== null).map(({ endedAt }) => endedAt));
}

function story(runs: readonly Run[]): string {
  if (runs.length === 0) return "it never ran";
  const told = runs
    .slice(0, MOST_RUNS_TOLD)
    .map(({ attempt, end, pid }) => `#${attempt} ${end ?? "interrupted"} in ${pid}`);
  return [...told, ...(runs.length > told.length ? ["…"] : [])].join(", ");
}

function repeatedly(count: number, what: string): Findings {
  return Array.from({ length: count }, () => what);
}

function numbersTo(last: number): readonly number[] {
  return Array.from({ length: last }, (_, index) => index + 1);
}

/** As `Map.groupBy`, which Node 20 does not have. */
function groupBy<T, K>(those: readonly T[], keyOfOne: (one: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const one of those) {
    const key = keyOfOne(one);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [one]);
    else group.push(one);
  }
  return groups;
}
