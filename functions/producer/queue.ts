import { streamName } from "../../shared/config/names.ts";
import { delayedSpec } from "../../shared/config/resolve.ts";
import type { Config } from "../../shared/config/schema.ts";
import type { Publication } from "../../shared/jetstream/publish-once.ts";
import { DELAY_HEADERS } from "../../shared/jobs/headers.ts";
import { subjectCovers } from "../../shared/subjects/overlap.ts";
import { compileTemplate, type SubjectTemplate } from "../../shared/subjects/template.ts";

/** Where the messages of a job go. */
export interface QueueTarget {
  readonly job: string;
  /** Name of the connection in the configuration. */
  readonly connection: string;
  readonly stream: string;
  readonly subject: SubjectTemplate;
  /** Subjects the job pulls; null: all of its stream. */
  readonly filter: string | null;
  /** The stream in which messages wait for a delay. */
  readonly delayed: string;
  /** The job keeps an order per key. */
  readonly ordered: boolean;
}

/** Throws a RangeError when the configuration has no such job. */
export function queueTarget(config: Config, job: string): QueueTarget {
  const jobConfig = Object.hasOwn(config.jobs, job) ? config.jobs[job] : undefined;
  const stream = config.streams[jobConfig?.stream ?? ""];
  if (jobConfig === undefined || stream === undefined) {
    throw new RangeError(
      `the configuration has no job "${job}"; it has ${Object.keys(config.jobs).join(", ") || "none"}`,
    );
  }
  return {
    job,
    ordered: jobConfig.order !== undefined,
    connection: stream.connection,
    stream: streamName(config, jobConfig.stream),
    subject: compileTemplate(stream.subject),
    filter: jobConfig.filter ?? null,
    delayed: delayedSpec(config).name,
  };
}

/** A message to enqueue, checked. */
export interface Enqueued {
  readonly id: string;
  /** Empty: it has none. */
  readonly key: string;
  readonly body: Uint8Array;
  /** When it is to be there, milliseconds since 1970; null: now. */
  readonly dueAtMs: number | null;
}

/** The subject of a message with that key. */
export function subjectOf({ subject }: QueueTarget, key: string): string {
  return subject.render({ sender: key, collective: "", agent: "", caller: "" });
}

/** What is published for it, into the queue or into the stream of those that wait. */
export function publicationOf(target: QueueTarget, { id, key, body, dueAtMs }: Enqueued): Publication {
  const subject = subjectOf(target, key);
  const headers: (readonly [string, string])[] = key === "" ? [] : [["Choria-Sender", key]];
  if (dueAtMs === null) return { subject, stream: target.stream, id, headers, body };
  return {
    subject: `${target.delayed}.${target.job}`,
    stream: target.delayed,
    id: `${target.job}:${id}.delay`, // the stream is shared by all jobs
    headers: [
      ...headers,
      [DELAY_HEADERS.until, String(dueAtMs)],
      [DELAY_HEADERS.subject, subject],
      [DELAY_HEADERS.stream, target.stream],
      [DELAY_HEADERS.id, id],
    ],
    body,
  };
}

/** False for a subject that the job's filter leaves to others: the message would wait for ever. */
export function isPulled({ filter }: QueueTarget, subject: string): boolean {
  return filter === null || subjectCovers(filter, subject);
}
