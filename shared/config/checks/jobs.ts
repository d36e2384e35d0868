import { subjectCovers, subjectsOverlap } from "../../subjects/overlap.ts";
import type { Finding } from "../problem.ts";
import type { Config, JobConfig } from "../schema.ts";
import { durationText } from "../units.ts";
import { checkAckWait } from "./ack-wait.ts";
import { streamsDownstream } from "./flow.ts";
import { checkOrder } from "./order.ts";
import { pairs } from "./scope.ts";
import { streamFilter } from "./streams.ts";

export function checkJobs(config: Config): readonly Finding[] {
  return [
    ...Object.entries(config.jobs).flatMap(([name, job]) => checkJob(config, ["jobs", name], job)),
    ...checkWorkQueues(config),
  ];
}

function checkJob(config: Config, path: PropertyKey[], job: JobConfig): Finding[] {
  return [
    ...checkLoop(config, path, job),
    ...checkFilter(config, [...path, "filter"], job),
    ...checkTimes(path, job),
    ...checkOrder(config, path, job),
  ];
}

function checkLoop(config: Config, path: PropertyKey[], { sink, stream }: JobConfig): Finding[] {
  const target = sink === undefined ? undefined : config.sinks[sink]?.to;
  if (target === undefined) return [];
  if (target !== stream && !streamsDownstream(config, target).has(stream)) return [];
  const problem =
    target === stream
      ? `writes into the stream it reads ("${stream}")`
      : `its output comes back to its stream "${stream}"`;
  return [
    { path: [...path, "sink"], value: sink, problem, fix: "let the sink write to a stream that does not lead back" },
  ];
}

function checkFilter(config: Config, path: PropertyKey[], { filter, stream }: JobConfig): Finding[] {
  if (filter === undefined) return [];
  const entry = config.streams[stream];
  const subjects = entry === undefined ? ">" : streamFilter(entry);
  if (subjectCovers(subjects, filter)) return [];
  const problem = `reaches beyond the subjects of stream "${stream}"`;
  return [{ path, value: filter, problem, fix: `keep it within ${subjects}` }];
}

function checkTimes(path: PropertyKey[], { ackWait, retry }: JobConfig): Finding[] {
  const findings = checkAckWait([...path, "ackWait"], ackWait);
  if (retry.maxDelay < retry.delay) {
    const at = [...path, "retry", "maxDelay"];
    const fix = `make it ${durationText(retry.delay)} or more`;
    findings.push({ path: at, value: durationText(retry.maxDelay), problem: "is shorter than retry.delay", fix });
  }
  return findings;
}

/** On a work queue a message belongs to one job. nats-server 2.9 lets partial overlaps in, so they are refused here. */
function checkWorkQueues(config: Config): Finding[] {
  return pairs(Object.entries(config.jobs)).flatMap(([[firstName, first], [name, job]]) => {
    const stream = config.streams[job.stream];
    if (first.stream !== job.stream || stream?.retention !== "workqueue") return [];
    const subjects = streamFilter(stream);
    if (!subjectsOverlap(first.filter ?? subjects, job.filter ?? subjects)) return [];
    const problem = `shares messages of work queue "${job.stream}" with job "${firstName}": a work queue gives each to one job`;
    const fix =
      'use filters that do not overlap, or give each job its own stream and name both in the ingest\'s "to", or write retention: limits';
    return [{ path: ["jobs", name, job.filter === undefined ? "stream" : "filter"], value: job.filter, problem, fix }];
  });
}
