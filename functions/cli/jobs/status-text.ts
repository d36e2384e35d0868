import { countText, safeText, spanText, tableText } from "../text.ts";
import type { JobStatus, JobSummary, PausedState } from "./status.ts";

/** One line a job, under a heading. */
export function summaryTable(summaries: readonly JobSummary[]): string {
  const heading = ["JOB", "STREAM", "CONSUMER", "DOES", "PAUSED", "WORKERS", "PENDING"];
  const rows = summaries.map((summary) => [
    summary.job.name,
    summary.job.queue.stream,
    consumerText(summary),
    summary.job.does,
    summary.paused === null ? "no" : "yes",
    String(summary.workers.length),
    summary.queue === null ? "-" : countText(summary.queue.pending),
  ]);
  return tableText([heading, ...rows]);
}

function consumerText({ job, queue }: JobSummary): string {
  if (queue === null) return "(no stream yet)";
  if (job.queue.ordered) return `${job.queue.durable}-p* (${queue.consumers.length})`;
  return queue.consumers[0] ?? "(none yet)";
}

export function summaryFacts(summary: JobSummary) {
  const { job, queue, paused, workers } = summary;
  return {
    job: job.name,
    stream: job.queue.stream,
    consumers: queue?.consumers ?? [],
    does: job.does,
    paused: paused === null ? null : pausedFacts(paused),
    workers: workers.map(({ host, pid, startedAt, at, held, running, prefetch, loopLagMs, pausedPartitions }) => ({
      ...{ host, pid, startedAt: new Date(startedAt).toISOString(), at: new Date(at).toISOString() },
      ...{ held, running, prefetch, loopLagMs, pausedPartitions },
    })),
    pending: queue?.pending ?? null,
  };
}

function pausedFacts({ flag, onServer }: PausedState) {
  return {
    by: flag?.by ?? null,
    since: flag?.at.toISOString() ?? null,
    until: flag?.until?.toISOString() ?? null,
    onServer,
  };
}

export function statusFacts(status: JobStatus) {
  const { queue, delayed, stranded, oldestMs, perSecond, latency, dead } = status;
  return {
    ...summaryFacts(status),
    inFlight: queue?.inFlight ?? null,
    delayed,
    stranded: stranded?.stranded ?? 0,
    unclaimed: stranded?.unclaimed ?? 0,
    oldestMs,
    perSecond: Math.round(perSecond * 10) / 10,
    p50Ms: latency?.p50Ms ?? null,
    p99Ms: latency?.p99Ms ?? null,
    dead,
  };
}

/** One job, a line for each fact. */
export function statusText(status: JobStatus, sampleMs: number): string {
  const { job, queue, stranded } = status;
  const title = `${job.name}: stream ${job.queue.stream}, consumer ${consumerText(status)}, ${job.does}`;
  if (queue === null) return `${title}\n  the stream does not exist yet: a worker or "streams apply" makes it`;
  const rows: [string, string, string][] = [
    ["pending", countText(queue.pending), "never handed over"],
    ["in flight", countText(queue.inFlight), "handed over and not settled: running, or waiting for a short retry"],
    ["delayed", countText(status.delayed), "waiting for a long retry in the delayed stream"],
    ["stranded", countText(stranded?.stranded ?? 0), "their deliveries are spent: a sweep makes them dead letters"],
    ["unclaimed", countText(stranded?.unclaimed ?? 0), "in the stream, on subjects that no consumer takes"],
    ["oldest", status.oldestMs === null ? "-" : spanText(status.oldestMs), "since the oldest unsettled one was stored"],
    ["rate", `${countText(status.perSecond)}/s`, `deliveries that ended, over ${spanText(sampleMs)}`],
    ["latency", latencyText(status.latency), "from stored to settled, last minute, p50 / p99"],
    ["dead letters", status.dead === null ? "-" : countText(status.dead), ""],
    ["workers", String(status.workers.length), ""],
  ];
  const lines = rows.map(([name, value, note]) => `  ${name.padEnd(13)}${value.padStart(16)}   ${note}`.trimEnd());
  return [title, ...lines, ...status.workers.map(workerText), ...pausedLines(status)].join("\n");
}

function latencyText(latency: JobStatus["latency"]): string {
  return latency === null ? "-" : `${spanText(latency.p50Ms)} / ${spanText(latency.p99Ms)}`;
}

function workerText({ host, pid, running, held, prefetch, loopLagMs, pausedPartitions }: JobStatus["workers"][number]) {
  const waiting = pausedPartitions.length === 0 ? "" : `, partitions paused: ${pausedPartitions.join(" ")}`;
  const hands = `${running} running, ${held} held of ${prefetch}`;
  return `    ${safeText(host)} pid ${pid}: ${hands}, loop lag ${spanText(loopLagMs)}${waiting}`;
}

function pausedLines({ paused }: JobSummary): readonly string[] {
  return paused === null ? [] : [`  PAUSED ${pauseText(paused)}`];
}

/** As `since … by ops@host, on the server too`. */
export function pauseText({ flag, onServer }: PausedState): string {
  if (flag === null) return "on the server alone, not with this program";
  const until = flag.until === null ? "" : `, until ${flag.until.toISOString()}`;
  const reach = onServer ? "on the server too" : "for our workers; other clients go on";
  return `since ${flag.at.toISOString()} by ${safeText(flag.by)}${until}, ${reach}`;
}
