import { partitionFilters } from "../../subjects/partition-filters.ts";
import type { Finding } from "../problem.ts";
import type { Config, JobConfig } from "../schema.ts";
import { durationText } from "../units.ts";
import { streamFilter } from "./streams.ts";

/** Renewed at a third of it, given up at two thirds. */
const SHORTEST_LEASE_MS = 1_000;
/** Workers say at a third of it that they live, in a bucket that forgets after a minute. */
const LONGEST_LEASE_MS = 120_000;

/** A partition is a consumer of its own on a work queue, whose messages nobody else takes. */
export function checkOrder(config: Config, path: PropertyKey[], { order, stream, filter }: JobConfig): Finding[] {
  if (order === undefined) return [];
  const at = [...path, "order"];
  return [...checkPartitions(config, at, stream), ...checkNoFilter(path, filter), ...checkLease(at, order.lease)];
}

function checkPartitions({ streams }: Config, path: PropertyKey[], name: string): Finding[] {
  const stream = streams[name];
  if (stream === undefined) return [];
  const findings: Finding[] = [];
  if (stream.retention !== "workqueue") {
    const problem = `needs a work queue, and stream "${name}" keeps its messages`;
    const fix = `write retention: workqueue in streams.${name}, or leave order out`;
    findings.push({ path, value: undefined, problem, fix });
  }
  if (partitionFilters({ text: stream.subject, filter: streamFilter(stream) }) === null) {
    const problem = `needs one {partition:N} as a token of its own in the subject of stream "${name}" (${stream.subject})`;
    const fix = `write it as in "choria.{partition:16}.{sender}" in streams.${name}, or leave order out`;
    findings.push({ path, value: undefined, problem, fix });
  }
  return findings;
}

function checkNoFilter(path: PropertyKey[], filter: string | undefined): Finding[] {
  if (filter === undefined) return [];
  const problem = "cannot be combined with order: each partition has a filter of its own";
  const fix = "leave filter out; to order a part of the messages only, store that part in a stream of its own";
  return [{ path: [...path, "filter"], value: filter, problem, fix }];
}

function checkLease(path: PropertyKey[], leaseMs: number): Finding[] {
  const finding = (problem: string, fix: string): Finding[] => [
    { path: [...path, "lease"], value: durationText(leaseMs), problem, fix },
  ];
  if (leaseMs < SHORTEST_LEASE_MS) {
    return finding("is too short to be renewed in time", `make it ${durationText(SHORTEST_LEASE_MS)} or more`);
  }
  if (leaseMs > LONGEST_LEASE_MS) {
    return finding("is longer than workers are remembered", `make it ${durationText(LONGEST_LEASE_MS)} or less`);
  }
  return [];
}
