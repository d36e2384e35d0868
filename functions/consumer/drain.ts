import { setTimeout as wait } from "node:timers/promises";
import { type JobCounters, WorkerCounters } from "./counters.ts";
import type { JobObserver, SettledOutcome } from "./events.ts";
import type { OpenJobs } from "./open-jobs.ts";
import { pausedNow } from "./pauses.ts";

export interface DrainReport {
  /** Runs that were done. */
  readonly processed: number;
  readonly retried: number;
  readonly dead: number;
  readonly dropped: number;
  /** Given back because time was short. */
  readonly returned: number;
  /** Acknowledgements and leases whose end is unknown: these messages may come again. */
  readonly unsettled: number;
  /** Messages the consumers still have, those waiting for a retry included; null when the server did not say. */
  readonly left: number | null;
  readonly reason: "empty" | "deadline" | "stopped";
}

export interface DrainSettings {
  /** Bounds the whole of it, milliseconds. */
  readonly forMs: number;
  /** Of which so much is kept for ending runs, giving back and settling. Default: a fifth, at most three seconds. */
  readonly endMs?: number;
  /** Names in `jobs`. Default: every job that is open. */
  readonly only?: readonly string[];
  readonly stop?: AbortSignal;
  /** Sees every event besides the drain's own counters. */
  readonly observe?: JobObserver;
}

const SHARE_FOR_STOPPING = 0.2;
const MOST_FOR_STOPPING_MS = 3_000;
/** Ending must not eat up the time of what is to be ended. */
const MOST_SHARE_FOR_STOPPING = 0.5;
/** Share of that for the consumers; the rest is for asking what is left. */
export const SHARE_FOR_CONSUMERS = 0.8;

/**
 * Processes what the consumers hold until they are empty or time is short, and leaves nothing open on the server: an
 * open pull in a frozen process would eat deliveries.
 */
export async function drainOnce(opened: OpenJobs, settings: DrainSettings): Promise<DrainReport> {
  const { forMs, only = null, stop = new AbortController().signal } = settings;
  const counters = new WorkerCounters();
  const stoppingMs = stoppingTime(settings);
  const over = new AbortController();
  const startedAt = performance.now();
  const timeIsUp = wait(forMs, null, { signal: over.signal }).catch(() => null);
  const paused = await Promise.race([pausedIn(opened), timeIsUp]).catch((error: unknown) => {
    over.abort(); // its timer would hold the process up
    throw error;
  });
  if (paused === null) return report({ counters: [], abandoned: [], left: null, reason: "deadline" });
  const { all: consumers, jobs } = opened.consume("drain", observing(counters, settings), only);
  for (const runner of jobs) if (paused.has(runner.job.name)) runner.pause();
  const empty = Promise.all(consumers.map(({ emptied }) => emptied));
  const reason = await endOf(empty, forMs - stoppingMs - (performance.now() - startedAt), stop);
  const abandoned = await Promise.all(consumers.map((consumer) => consumer.stop(stoppingMs * SHARE_FOR_CONSUMERS)));
  const left = await Promise.race([leftIn(opened, only), timeIsUp]);
  over.abort();
  return report({ counters: [...counters.jobs.values()], abandoned, left, reason });
}

function stoppingTime({ forMs, endMs }: DrainSettings): number {
  if (endMs === undefined) return Math.min(MOST_FOR_STOPPING_MS, forMs * SHARE_FOR_STOPPING);
  return Math.min(endMs, forMs * MOST_SHARE_FOR_STOPPING);
}

function observing(counters: WorkerCounters, { observe }: DrainSettings): JobObserver {
  if (observe === undefined) return counters.observe;
  return (event) => {
    counters.observe(event);
    observe(event);
  };
}

async function pausedIn(opened: OpenJobs): Promise<ReadonlySet<string>> {
  return new Set((await Promise.all(opened.pausable.map(pausedNow))).flat());
}

function leftIn(opened: OpenJobs, only: readonly string[] | null): Promise<number | null> {
  return opened.backlog(only).then(
    ({ waiting, unsettled }) => waiting + unsettled,
    () => null,
  );
}

async function endOf(empty: Promise<unknown>, forMs: number, stop: AbortSignal): Promise<DrainReport["reason"]> {
  const ended = new AbortController();
  const end = (): void => ended.abort();
  if (stop.aborted) end();
  else stop.addEventListener("abort", end, { once: true });
  const late = wait(forMs, "deadline" as const, { signal: ended.signal }).catch(() => "stopped" as const);
  const reason = await Promise.race([empty.then(() => "empty" as const), late]);
  stop.removeEventListener("abort", end);
  end();
  return reason;
}

interface Ledger {
  readonly counters: readonly JobCounters[];
  readonly abandoned: readonly number[];
  readonly left: number | null;
  readonly reason: DrainReport["reason"];
}

function report({ counters, abandoned, left, reason }: Ledger): DrainReport {
  const settled = (outcome: SettledOutcome): number => sum(counters.map((job) => job.settled[outcome]));
  const lost = counters.map((job) => job.ackUnconfirmed + job.leaseOver + job.deadLetterFailed);
  return {
    processed: settled("done"),
    retried: settled("retried"),
    dead: settled("dead"),
    dropped: settled("dropped"),
    returned: settled("returned"),
    unsettled: sum(lost) + sum(abandoned),
    left,
    reason,
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
