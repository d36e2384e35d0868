import { streamName } from "../../../shared/config/names.ts";
import { consumerSpec } from "../../../shared/config/resolve.ts";
import type { Config } from "../../../shared/config/schema.ts";
import { backlogOf } from "../../../shared/jetstream/backlog.ts";
import type { Connection } from "../../../shared/jetstream/connect.ts";
import { type StreamState, streamState } from "../../../shared/jetstream/stream-state.ts";
import type { BridgeCounters } from "../../bridge/accounting/counters.ts";
import type { JobCounters } from "../../consumer/counters.ts";
import type { FleetReport } from "../../simulate/report.ts";
import type { JobTerms, LedgerTerms, StreamTerms, TargetTerms } from "./ledger.ts";
import { addTallies } from "./snapshot.ts";

/** What the servers said at one moment, by names in the configuration. */
export interface States {
  readonly streams: ReadonlyMap<string, StreamState>;
  /** Messages a job on a stream that keeps its messages has not done yet. */
  readonly jobs: ReadonlyMap<string, number>;
}

/** Asks the servers what every configured stream holds; streams that do not exist yet hold nothing. */
export async function readStates(config: Config, connect: (name: string) => Promise<Connection>): Promise<States> {
  const streams = new Map<string, StreamState>();
  for (const [name, { connection }] of Object.entries(config.streams)) {
    streams.set(name, await streamState(await connect(connection), streamName(config, name)));
  }
  const jobs = new Map<string, number>();
  for (const [name, { stream }] of Object.entries(config.jobs)) {
    if (config.streams[stream]?.retention !== "limits") continue;
    const backlog = await backlogOf(await connect(config.streams[stream].connection), consumerSpec(config, name)).catch(
      () => null, // no consumer yet: it will start at the first message
    );
    jobs.set(name, backlog === null ? (streams.get(stream)?.messages ?? 0) : backlog.waiting + backlog.unsettled);
  }
  return { streams, jobs };
}

/** What the simulated fleet says it sent; nothing when it ended before it could say so. */
export type FleetEvidence = FleetReport | "no fleet" | "no report";

export interface Evidence {
  readonly config: Config;
  readonly fleet: FleetEvidence;
  /** By the server's own count; null when there is none. */
  readonly delivered: number | null;
  readonly bridge: BridgeCounters;
  readonly jobs: ReadonlyMap<string, JobCounters>;
  readonly before: States;
  /** Null when the servers did not answer any more. */
  readonly after: States | null;
}

/** Brings each term of the ledger from where it was counted. */
export function ledgerTerms(evidence: Evidence): LedgerTerms {
  const { config, fleet, delivered, bridge } = evidence;
  const ingests = [...bridge.ingests.values()];
  const received = ingests.reduce((sum, ingest) => sum + ingest.received, 0);
  const receiving = [...bridge.connections].filter(([name]) => name.startsWith("ingest "));
  const disconnects = receiving.reduce((sum, connection) => sum + connection[1].disconnects, 0);
  return {
    sent: sentTerms(fleet),
    received,
    clientLoss: clientLoss(delivered, received, disconnects),
    disconnects,
    rejected: addTallies(ingests.map(({ rejected }) => rejected)),
    streams: [...bridge.streams.keys()].map((name) => streamTerms(evidence, name)),
    jobs: jobTerms(evidence),
    targets: Object.keys(config.sinks).flatMap((name) => targetTerms(evidence, name)),
  };
}

function sentTerms(fleet: FleetEvidence): LedgerTerms["sent"] {
  if (fleet === "no fleet") return null;
  if (fleet === "no report") return { confirmed: null, unconfirmed: 0, hostile: {} };
  return { confirmed: fleet.sent, unconfirmed: fleet.unconfirmed, hostile: fleet.badByExpectedCode };
}

function clientLoss(delivered: number | null, received: number, disconnects: number): number | null {
  // A server that was restarted counts from zero again: what it says then is not of the whole run.
  if (delivered === null || (disconnects > 0 && delivered < received)) return null;
  return delivered - received;
}

function growth({ before, after }: Evidence, stream: string): number | null {
  if (after === null) return null;
  return (after.streams.get(stream)?.lastSequence ?? 0) - (before.streams.get(stream)?.lastSequence ?? 0);
}

/** A shadow feeds none. */
function feedsStream(ingest: Config["ingest"][string] | undefined, stream: string): boolean {
  return ingest?.enforce === true && ingest.to.includes(stream);
}

function streamTerms(evidence: Evidence, name: string): StreamTerms {
  const { config, bridge, jobs } = evidence;
  const feeding = [...bridge.ingests].filter(([ingest]) => feedsStream(config.ingest[ingest], name));
  const counters = bridge.streams.get(name);
  const overload = feeding.reduce((sum, [, ingest]) => sum + ingest.overload, 0);
  return {
    name,
    received: feeding.reduce((sum, [, { received }]) => sum + received, 0),
    released: [...jobs]
      .filter(([job]) => config.jobs[job]?.stream === name)
      .reduce((sum, [, { released, requeued }]) => sum + released + requeued, 0),
    stored: growth(evidence, name),
    duplicate: counters?.duplicate ?? 0,
    rejected: addTallies(feeding.map(([, { rejected }]) => rejected)),
    shed: addTallies([counters?.shed ?? {}, { overload }]),
  };
}

/** A work queue is balanced over all jobs that share it; on a stream that keeps its messages each job has its own position. */
function jobTerms(evidence: Evidence): JobTerms[] {
  const { config, before, after } = evidence;
  const readers = new Map<string, string[]>();
  for (const [name, { stream }] of Object.entries(config.jobs))
    readers.set(stream, [...(readers.get(stream) ?? []), name]);
  return [...readers].flatMap(([stream, names]) => {
    if (config.streams[stream]?.retention === "limits") return names.map((name) => positionTerms(evidence, name));
    const messages = {
      before: before.streams.get(stream)?.messages ?? 0,
      left: after === null ? null : (after.streams.get(stream)?.messages ?? 0),
    };
    return [{ name: names.join(" + "), stored: growth(evidence, stream), ...messages, ...settledBy(evidence, names) }];
  });
}

function positionTerms(evidence: Evidence, name: string): JobTerms {
  const { config, before, after } = evidence;
  const positions = {
    before: before.jobs.get(name) ?? 0,
    left: after === null ? null : (after.jobs.get(name) ?? 0),
  };
  const stored = growth(evidence, config.jobs[name]?.stream ?? "");
  return { name, stored, ...positions, ...settledBy(evidence, [name]) };
}

function settledBy(
  { jobs }: Evidence,
  names: readonly string[],
): Pick<JobTerms, "done" | "dropped" | "dead" | "parked"> {
  const sum = (outcome: "done" | "dropped" | "dead" | "parked") =>
    names.reduce((total, name) => total + (jobs.get(name)?.settled[outcome] ?? 0), 0);
  return { done: sum("done"), dropped: sum("dropped"), dead: sum("dead"), parked: sum("parked") };
}

function targetTerms(evidence: Evidence, sink: string): TargetTerms[] {
  const { config, jobs } = evidence;
  const target = config.sinks[sink];
  if (target === undefined) return [];
  const writers = [...jobs].filter(([name]) => config.jobs[name]?.sink === sink).map(([, counters]) => counters);
  return [
    {
      name: target.to,
      outputs: writers.reduce((sum, { published }) => sum + published, 0),
      stored: growth(evidence, target.to),
      duplicate: writers.reduce((sum, { publishedDuplicates }) => sum + publishedDuplicates, 0),
    },
  ];
}
