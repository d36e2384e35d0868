import { CONSUMER_NOT_FOUND, STREAM_NOT_FOUND, unlessMissing } from "./api-error.ts";
import { Bucket } from "./buckets.ts";
import type { Connection } from "./connect.ts";
import { featuresOf } from "./features.ts";
import { manage } from "./manager.ts";

/** A job is paused: by whom, since when, and until when where it ends by itself. */
export interface Pause {
  readonly by: string;
  readonly at: Date;
  readonly until: Date | null;
}

/** The consumer that is paused on the server too; null: the flag alone, as for partitions whose consumers come and go. */
export interface PauseTarget {
  readonly bucket: Bucket;
  readonly job: string;
  readonly consumer: { readonly stream: string; readonly durable: string } | null;
}

/**
 * Whether other clients of the consumer stop too. `flag_only`: the server is older than 2.11, or the job has no consumer of
 * its own. `no_consumer`: nobody has made it yet, so nobody reads it either.
 */
export type ServerPause = "paused" | "flag_only" | "no_consumer";

const KEY_PREFIX = "pause";
/** For the server a pause has an end. */
const NO_END = new Date("9999-12-31T00:00:00Z");

function keyOf(job: string): string {
  return `${KEY_PREFIX}.${job}`;
}

/**
 * Pauses a job for everybody, until it is resumed or the pause ends by itself: the flag in the bucket outlives workers and
 * servers, and where the server can, its consumer is paused as well. The flag is written first: a command that dies between
 * the two leaves a job that is paused and says so.
 */
export async function pauseJob(connection: Connection, target: PauseTarget, pause: Pause): Promise<ServerPause> {
  const { by, at, until } = pause;
  const flag = { by, at: at.toISOString(), ...(until === null ? {} : { until: until.toISOString() }) };
  await target.bucket.put(keyOf(target.job), JSON.stringify(flag));
  return pauseConsumer(connection, target, until ?? NO_END);
}

/** Ends a pause, the consumer's first: what is left of an interrupted command is a job that still says it is paused. */
export async function resumeJob(connection: Connection, target: PauseTarget): Promise<ServerPause> {
  const server = await pauseConsumer(connection, target, new Date(0));
  await target.bucket.kv.purge(keyOf(target.job)); // leaves a marker, which those who watch are told of
  return server;
}

async function pauseConsumer(connection: Connection, { consumer }: PauseTarget, until: Date): Promise<ServerPause> {
  if (consumer === null || !featuresOf(connection.info?.version ?? "").consumerPause) return "flag_only";
  const jsm = await manage(connection);
  const pause = () => jsm.consumers.pause(consumer.stream, consumer.durable, until);
  const paused = await unlessMissing(STREAM_NOT_FOUND, () => unlessMissing(CONSUMER_NOT_FOUND, pause));
  return paused === null ? "no_consumer" : "paused";
}

/** The flag of a job, or null; an end that has passed is for the reader to judge, with `isInForce`. */
export async function readPause(bucket: Bucket, job: string): Promise<Pause | null> {
  const entry = await bucket.get(keyOf(job));
  return entry === null ? null : parsePause(entry.text, new Date(entry.storedAtMs));
}

/** Every flag, by job; none when the bucket does not exist. */
export async function readPauses(connection: Connection, bucketName: string): Promise<ReadonlyMap<string, Pause>> {
  const bucket = await Bucket.find(connection, bucketName);
  if (bucket === null) return new Map();
  const jobs = (await bucket.keys(keyOf("*"))).map((key) => key.slice(keyOf("").length));
  const pauses = await Promise.all(jobs.map(async (job) => [job, await readPause(bucket, job)] as const));
  return new Map(pauses.flatMap(([job, pause]) => (pause === null ? [] : [[job, pause]])));
}

export function isInForce({ until }: Pause, nowMs: number): boolean {
  return until === null || until.getTime() > nowMs;
}

/** Whatever stands under the key, the job is paused: a flag written by hand must not be taken for none. */
export function parsePause(text: string, writtenAt: Date): Pause {
  const { by, at, until } = fieldsOf(text);
  return {
    by: typeof by === "string" && by !== "" ? by : "unknown",
    at: dateOf(at) ?? writtenAt,
    until: dateOf(until),
  };
}

function fieldsOf(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

function dateOf(value: unknown): Date | null {
  const ms = typeof value === "string" ? Date.parse(value) : Number.NaN;
  return Number.isNaN(ms) ? null : new Date(ms);
}
