import type { JobEvent, JobObserver, PartitionChange, SettledOutcome } from "./events.ts";

/** What one job has done since start. */
export interface JobCounters {
  received: number;
  /** By how the message left, confirmed by the server. */
  readonly settled: Record<SettledOutcome, number>;
  /** Outputs that a sink confirmed; the second counts those among them that it held already. */
  published: number;
  publishedDuplicates: number;
  /** Outputs that a sink may hold twice. */
  publishedMaybeDuplicates: number;
  /** Outputs that a sink did not confirm, by `sink/code`. */
  readonly publishFailed: Record<string, number>;
  readonly deadByReason: Record<string, number>;
  invalidInput: number;
  ackUnconfirmed: number;
  leaseOver: number;
  leaseRenewed: number;
  crashed: number;
  recordsUnavailable: number;
  released: number;
  swept: number;
  requeued: number;
  sweepFailed: number;
  deadLetterFailed: number;
  pullTroubles: number;
  /** What became of partitions of an ordered job. */
  readonly partitions: Record<PartitionChange, number>;
}

export function createJobCounters(): JobCounters {
  return {
    received: 0,
    settled: { done: 0, retried: 0, snoozed: 0, parked: 0, dead: 0, dropped: 0, returned: 0 },
    published: 0,
    publishedDuplicates: 0,
    publishedMaybeDuplicates: 0,
    publishFailed: {},
    deadByReason: {},
    invalidInput: 0,
    ackUnconfirmed: 0,
    leaseOver: 0,
    leaseRenewed: 0,
    crashed: 0,
    recordsUnavailable: 0,
    released: 0,
    swept: 0,
    requeued: 0,
    sweepFailed: 0,
    deadLetterFailed: 0,
    pullTroubles: 0,
    partitions: { taken: 0, released: 0, lost: 0, paused: 0, resumed: 0, restarted: 0 },
  };
}

/** Counts events by job. */
export class WorkerCounters {
  readonly jobs = new Map<string, JobCounters>();

  readonly observe: JobObserver = (event) => count(this.of(event.job), event);

  of(job: string): JobCounters {
    const known = this.jobs.get(job);
    if (known !== undefined) return known;
    const created = createJobCounters();
    this.jobs.set(job, created);
    return created;
  }
}

function count(counters: JobCounters, event: JobEvent): void {
  switch (event.type) {
    case "received":
      counters.received += 1;
      return;
    case "settled":
      counters.settled[event.outcome] += 1;
      if (event.outcome === "dead") increase(counters.deadByReason, labelOf(counters.deadByReason, event.reason));
      return;
    case "published":
      counters.published += 1;
      if (event.duplicate) counters.publishedDuplicates += 1;
      if (event.maybeDuplicate) counters.publishedMaybeDuplicates += 1;
      return;
    case "publish_failed":
      increase(counters.publishFailed, `${event.sink}/${event.code}`);
      return;
    case "invalid_input":
      counters.invalidInput += 1;
      return;
    case "ack_unconfirmed":
      counters.ackUnconfirmed += 1;
      return;
    case "lease_over":
      counters.leaseOver += 1;
      return;
    case "lease_renewed":
      counters.leaseRenewed += 1;
      return;
    case "crashed":
      counters.crashed += 1;
      return;
    case "records_unavailable":
      counters.recordsUnavailable += 1;
      return;
    case "requeued":
      counters.requeued += 1;
      return;
    case "swept":
      counters.swept += 1;
      return;
    case "sweep_failed":
      counters.sweepFailed += 1;
      return;
    case "released":
      counters.released += 1;
      return;
    case "dead_letter_failed":
      counters.deadLetterFailed += 1;
      return;
    case "partition":
      counters.partitions[event.change] += 1;
      return;
    case "pull_trouble":
      counters.pullTroubles += 1;
      return;
    case "ran":
      return;
  }
}

function increase(counts: Record<string, number>, key: string): void {
  counts[key] = (counts[key] ?? 0) + 1;
}

const LABEL = /^[\w.:/-]{1,64}$/;
const MOST_REASONS = 100;

/** A handler may give any text as a reason: what is no code, or one too many, must not become a series of its own. */
function labelOf(known: Readonly<Record<string, number>>, reason: string): string {
  const isKnown = Object.hasOwn(known, reason);
  return isKnown || (LABEL.test(reason) && Object.keys(known).length < MOST_REASONS) ? reason : "OTHER";
}
