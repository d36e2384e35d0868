import { setTimeout as wait } from "node:timers/promises";
import { type JobCounters, WorkerCounters } from "./counters.ts";
import type { SettledOutcome } from "./events.ts";
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

/** Share of the time that is kept for ending runs, giving back and settling. */
const SHARE_FOR_STOPPING = 0.2;
const MOST_FOR_STOPPING_MS = 3_000;
/** Share of that for the consumers; the rest is for asking what is left. */
const SHARE_FOR_CONSUMERS = 0.8;

/**
 * Processes what the consumers hold until they are empty or time is short, and leaves nothing open on the server: an
 * open pull in a frozen process would eat deliveries. `forMs` bounds the whole of it.
 */
export async function drainOnce(
  opened: OpenJobs,
  { forMs, stop = new AbortController().signal }: { readonly forMs: number; readonly stop?: AbortSignal },
): Promise<DrainReport> {
  const counters = new WorkerCounters();
  const stoppingMs = Math.min(MOST_FOR_STOPPING_MS, forMs * SHARE_FOR_STOPPING);
  const over = new AbortController();
  const startedAt = performance.now();
  const timeIsUp = wait(forMs, null, { signal: over.signal }).catch(() => null);
  const paused = await Promise.race([pausedIn(opened), timeIsUp]);
  if (paused === null) return report({ counters: [], abandoned: [], left: null, reason: "deadline" });
  const { all: consumers, jobs } = opened.consume("drain", counters.observe);
  for (const runner of jobs) if (paused.has(runner.job.name)) runner.pause();
  const empty = Promise.all(consumers.map(({ emptied }) => emptied));
  const reason = await endOf(empty, forMs - stoppingMs - (performance.now() - startedAt), stop);
  const abandoned = await Promise.all(consumers.map((consumer) => consumer.stop(stoppingMs * SHARE_FOR_CONSUMERS)));
  const left = await Promise.race([leftIn(opened), timeIsUp]);
  over.abort();
  return report({ counters: [...counters.jobs.values()], abandoned, left, reason });
}

async function pausedIn(opened: OpenJobs): Promise<ReadonlySet<string>> {
  return new Set((await Promise.all(opened.pausable.map(pausedNow))).flat());
}

function leftIn(opened: OpenJobs): Promise<number | null> {
  return opened.backlog().then(
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
