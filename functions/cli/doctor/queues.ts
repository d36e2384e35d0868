import type { Config } from "../../../shared/config/schema.ts";
import type { CommandConnections } from "../command-connections.ts";
import { chooseJob } from "../jobs/selection.ts";
import { type JobStatus, StatusReader } from "../jobs/status.ts";
import { pauseText } from "../jobs/status-text.ts";
import { countText, spanText } from "../text.ts";
import { examined, type Line, ok, warn } from "./line.ts";

const SAMPLE_MS = 1_000;
/** A queue that works hands its oldest message out sooner. */
const OLD_MS = 15 * 60_000;

/** What each job has to do, and what stands in its way. */
export async function examineQueues(
  config: Config,
  connections: CommandConnections,
  usable: ReadonlySet<string>,
): Promise<readonly Line[]> {
  const jobs = Object.keys(config.jobs).map((name) => chooseJob(config, name));
  const reader = new StatusReader(config, connections, Date.now);
  const reachable = jobs.filter(({ connection }) => usable.has(connection));
  const lines = await Promise.all(
    reachable.map((job) =>
      examined(`job ${job.name}`, async () => (await reader.statuses([job], SAMPLE_MS)).flatMap(statusLines)),
    ),
  );
  return lines.flat();
}

function statusLines(status: JobStatus): readonly Line[] {
  const { job, queue } = status;
  if (queue === null) return [];
  const about = `job ${job.name}`;
  return [
    workLine(status, about),
    ...strandedLines(status, about),
    ...deadLines(status, about),
    ...pauseLines(status, about),
  ];
}

function workLine({ queue, delayed, oldestMs, perSecond, workers, paused }: JobStatus, about: string): Line {
  const pending = queue?.pending ?? 0;
  const text = [
    `${countText(pending)} pending`,
    `${countText(queue?.inFlight ?? 0)} in flight`,
    `${countText(delayed)} delayed`,
    `oldest ${oldestMs === null ? "-" : spanText(oldestMs)}`,
    `${countText(perSecond)}/s`,
    `${workers.length} workers`,
  ].join(", ");
  if (paused !== null) return ok(about, text);
  if (pending > 0 && workers.length === 0 && perSecond === 0 && queue?.waitingPulls === 0) {
    return warn(about, `${text}: nobody works on it`, "start a worker, or let a scheduled function drain it");
  }
  const late = oldestMs !== null && oldestMs > OLD_MS;
  if (!late) return ok(about, text);
  return warn(about, text, "run more workers, or look at what is retried: `choria-bridge jobs peek`");
}

function strandedLines({ job, stranded: found }: JobStatus, about: string): readonly Line[] {
  if (found === null) return [];
  const { stranded, unclaimed } = found;
  const lines: Line[] = [];
  if (stranded > 0) {
    const text = `${countText(stranded)} stranded in ${job.queue.stream}: their deliveries are spent`;
    lines.push(warn(about, text, "a running worker's sweep, or `choria-bridge sweep`, makes them dead letters"));
  }
  // The consumers of an ordered job come and go with its workers: what nobody owns just now only waits.
  if (unclaimed > 0 && !job.queue.ordered) {
    const text = `${countText(unclaimed)} unclaimed in ${job.queue.stream}: no consumer takes their subjects`;
    lines.push(warn(about, text, "add a job for them, widen a filter, or start the worker that makes the consumer"));
  }
  return lines.length === 0 ? [ok(about, "0 stranded")] : lines;
}

function deadLines({ job, dead }: JobStatus, about: string): readonly Line[] {
  if (dead === null || dead === 0) return [ok(about, "0 dead letters")];
  const todo = `look at them with \`choria-bridge dead ls --job ${job.name}\`, then replay or drop them`;
  return [warn(about, `${countText(dead)} dead letters`, todo)];
}

function pauseLines({ job, paused }: JobStatus, about: string): readonly Line[] {
  if (paused === null) return [];
  return [warn(about, `paused ${pauseText(paused)}`, `\`choria-bridge jobs resume ${job.name}\` ends it`)];
}
