import type { Buckets } from "../../../shared/telemetry/buckets.ts";
import type { BridgeCounters, Tally } from "../../bridge/accounting/counters.ts";
import type { JobCounters } from "../../consumer/counters.ts";

/** What the live view shows of one stream; every count since start. */
export interface StreamSnapshot {
  readonly name: string;
  readonly stored: number;
  readonly duplicate: number;
  readonly shed: number;
  /** Accepted, its PubAck still awaited. */
  readonly buffered: number;
}

export interface JobSnapshot {
  readonly name: string;
  /** Handler done, its outputs stored, its ack confirmed. */
  readonly processed: number;
  readonly republished: number;
  readonly retried: number;
  readonly dead: number;
  /** Messages in the stream that are not done yet; null when the server was not asked. */
  readonly lag: number | null;
}

/** All that the live view shows: cumulative counts, so that rates come from any two of them. */
export interface Snapshot {
  /** Monotonic milliseconds. */
  readonly atMs: number;
  /** Null without a simulated fleet. */
  readonly sent: number | null;
  readonly received: number;
  /** By `<protocol>/<proof>`. */
  readonly validated: Readonly<Record<string, number>>;
  /** By rejection code. */
  readonly rejected: Readonly<Record<string, number>>;
  /** Shed before validation. */
  readonly overload: number;
  readonly streams: readonly StreamSnapshot[];
  readonly jobs: readonly JobSnapshot[];
  /** Arrival to PubAck, seconds. */
  readonly latency: Buckets;
  readonly disconnects: number;
}

/** Where a snapshot's numbers come from; `buffered` and `lag` are by the name of the stream and of the job. */
export interface SnapshotSources {
  readonly atMs: number;
  readonly sent: number | null;
  readonly bridge: BridgeCounters;
  readonly buffered: ReadonlyMap<string, number>;
  readonly jobs: ReadonlyMap<string, JobCounters>;
  readonly lag: ReadonlyMap<string, number>;
  readonly latency: Snapshot["latency"];
}

export function takeSnapshot(sources: SnapshotSources): Snapshot {
  const ingests = [...sources.bridge.ingests.values()];
  return {
    atMs: sources.atMs,
    sent: sources.sent,
    received: sum(ingests.map(({ received }) => received)),
    validated: addTallies(ingests.map(({ validated }) => validated)),
    rejected: addTallies(ingests.map(({ rejected }) => rejected)),
    overload: sum(ingests.map(({ overload }) => overload)),
    streams: [...sources.bridge.streams].map(([name, { stored, duplicate, shed }]) => ({
      name,
      stored,
      duplicate,
      shed: sum(Object.values(shed)),
      buffered: sources.buffered.get(name) ?? 0,
    })),
    jobs: [...sources.jobs].map(([name, { settled, published }]) => ({
      name,
      processed: settled.done + settled.dropped,
      republished: published,
      retried: settled.retried,
      dead: settled.dead,
      lag: sources.lag.get(name) ?? null,
    })),
    latency: sources.latency,
    disconnects: sum([...sources.bridge.connections.values()].map(({ disconnects }) => disconnects)),
  };
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

/** One tally of several: how many of each label over all of them. */
export function addTallies(tallies: readonly Tally[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const tally of tallies) {
    for (const [label, count] of Object.entries(tally)) sums[label] = (sums[label] ?? 0) + (count ?? 0);
  }
  return sums;
}
