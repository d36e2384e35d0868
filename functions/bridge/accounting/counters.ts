import type { ShedReason } from "../../../shared/jetstream/lane.ts";
import type { PublishFailure } from "../../../shared/jetstream/puback.ts";

/** Counts by a label whose values are known only as they come. */
export type Tally<Label extends string = string> = Partial<Record<Label, number>>;

export function count<Label extends string>(tally: Tally<Label>, label: Label): void {
  tally[label] = (tally[label] ?? 0) + 1;
}

/** What one ingest has seen since start. received = validated + rejected + overload + in hand. */
export interface IngestCounters {
  received: number;
  receivedBytes: number;
  /** By `<protocol>/<proof>`, for example `v2/signature`. */
  readonly validated: Tally;
  /** By rejection code. */
  readonly rejected: Tally;
  /** Shed before validation: more in hand than `bridge.inFlight` allows. */
  overload: number;
}

/** What one stream was given since start. accepted = stored + duplicate + shed + in the lane. */
export interface StreamCounters {
  accepted: number;
  stored: number;
  /** The server held this id already: a copy, not stored again. */
  duplicate: number;
  /** Stored by a retry later than the duplicate window allows to be sure of. */
  maybeDuplicate: number;
  readonly shed: Tally<ShedReason>;
  readonly retries: Tally<PublishFailure>;
}

export interface ConnectionCounters {
  disconnects: number;
  /** Of the disconnects that are over. */
  disconnectedMs: number;
  /** Monotonic milliseconds since when it is down; null while it is up. */
  downSince: number | null;
}

export interface QuarantineCounters {
  stored: number;
  /** Rejected messages that were counted but not kept: over the budget, or the stream did not take them. */
  dropped: number;
}

/** Everything the bridge counts, each number where it happens. Metrics, live view and ledger only read it. */
export interface BridgeCounters {
  readonly ingests: ReadonlyMap<string, IngestCounters>;
  readonly streams: ReadonlyMap<string, StreamCounters>;
  readonly connections: Map<string, ConnectionCounters>;
  readonly quarantine: QuarantineCounters;
}

export function createCounters(ingests: readonly string[], streams: readonly string[]): BridgeCounters {
  return {
    ingests: new Map(
      ingests.map((name) => [name, { received: 0, receivedBytes: 0, validated: {}, rejected: {}, overload: 0 }]),
    ),
    streams: new Map(
      streams.map((name) => [name, { accepted: 0, stored: 0, duplicate: 0, maybeDuplicate: 0, shed: {}, retries: {} }]),
    ),
    connections: new Map(),
    quarantine: { stored: 0, dropped: 0 },
  };
}
