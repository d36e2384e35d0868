import { type JetStreamManager, NatsError } from "nats";
import { CONSUMER_NOT_FOUND, STREAM_NOT_FOUND, unlessMissing } from "./api-error.ts";
import type { ConsumerSpec, StreamSpec } from "./spec.ts";
import {
  consumerDifferences,
  consumerSettings,
  consumerUpdate,
  streamDifferences,
  streamSettings,
} from "./topology-compare.ts";
import { type SettingDifference, TopologyError, TopologyRefusedError } from "./topology-error.ts";

export interface EnsureOptions {
  /** Change what differs, as far as JetStream allows; otherwise a difference is an error. */
  readonly apply: boolean;
}

export type Ensured = "created" | "unchanged" | "updated";

/** How the server's stream or consumer differs from the one wanted; "missing" when there is none. */
export type Comparison = "missing" | readonly SettingDifference[];

const SUBJECTS_OVERLAP = 10065;
const NOT_UNIQUE_ON_WORK_QUEUE = [10099, 10100];

/** A stream or consumer and the calls that concern it. */
interface Part {
  readonly subject: string;
  compare(): Promise<Comparison>;
  create(): Promise<unknown>;
  update(): Promise<unknown>;
}

export async function compareStream(jsm: JetStreamManager, spec: StreamSpec): Promise<Comparison> {
  const info = await unlessMissing(STREAM_NOT_FOUND, () => jsm.streams.info(spec.name));
  return info === null ? "missing" : streamDifferences(spec, { ...info.config });
}

/** "missing" also when its stream is. */
export async function compareConsumer(jsm: JetStreamManager, spec: ConsumerSpec): Promise<Comparison> {
  const find = () => unlessMissing(CONSUMER_NOT_FOUND, () => jsm.consumers.info(spec.stream, spec.durable));
  const info = await unlessMissing(STREAM_NOT_FOUND, find);
  return info === null ? "missing" : consumerDifferences(spec, { ...info.config });
}

/**
 * Makes the stream if it is missing, and compares what the server has with what is wanted, after making it too: old servers
 * ignore settings they do not know. Throws `TopologyError` naming each setting that differs, `TopologyRefusedError` when the
 * server says no.
 */
export async function ensureStream(jsm: JetStreamManager, spec: StreamSpec, options: EnsureOptions): Promise<Ensured> {
  const settings = streamSettings(spec);
  const stream: Part = {
    subject: `stream "${spec.name}"`,
    compare: () => compareStream(jsm, spec),
    create: () => jsm.streams.add({ name: spec.name, ...settings }),
    update: () => jsm.streams.update(spec.name, settings),
  };
  return ensure(stream, options);
}

/** As `ensureStream`, for the durable pull consumer of a job. Its stream has to exist. */
export async function ensureConsumer(
  jsm: JetStreamManager,
  spec: ConsumerSpec,
  options: EnsureOptions,
): Promise<Ensured> {
  const consumer: Part = {
    subject: `consumer "${spec.durable}" of stream "${spec.stream}"`,
    compare: () => compareConsumer(jsm, spec),
    create: () => jsm.consumers.add(spec.stream, { durable_name: spec.durable, ...consumerSettings(spec) }),
    update: () => jsm.consumers.update(spec.stream, spec.durable, consumerUpdate(spec)),
  };
  return ensure(consumer, options);
}

async function ensure(part: Part, { apply }: EnsureOptions): Promise<Ensured> {
  const before = await part.compare();
  if (before === "missing") return (await create(part)) ? "created" : ensureUnchanged(part);
  if (before.length === 0) return "unchanged";
  // All or nothing: a half-changed stream would be neither the old one nor the one configured.
  if (!apply || before.some(({ isChangeable }) => !isChangeable)) throw new TopologyError(part.subject, before);
  await asked(part, () => part.update());
  await ensureUnchanged(part);
  return "updated";
}

/** False when another process made it meanwhile: then it is as if it had been there. */
async function create(part: Part): Promise<boolean> {
  try {
    await asked(part, () => part.create());
  } catch (error) {
    if ((await part.compare()) === "missing") throw error;
    return false;
  }
  await ensureUnchanged(part);
  return true;
}

async function ensureUnchanged(part: Part): Promise<"unchanged"> {
  const now = await part.compare();
  if (now === "missing") throw new TopologyRefusedError(part.subject, "it was removed again by somebody else");
  if (now.length > 0) throw new TopologyError(part.subject, now);
  return "unchanged";
}

/** Runs a call that makes or changes something, and says in the error what it was about. */
async function asked(part: Part, call: () => Promise<unknown>): Promise<void> {
  try {
    await call();
  } catch (error) {
    const api = error instanceof NatsError ? error.api_error : undefined;
    if (api === undefined) throw error;
    throw new TopologyRefusedError(part.subject, `${api.description}${hint(api.err_code)}`, { cause: error });
  }
}

function hint(errCode: number | undefined): string {
  if (errCode === SUBJECTS_OVERLAP) return "; a subject is stored by one stream only, list them with `nats stream ls`";
  if (errCode === undefined || !NOT_UNIQUE_ON_WORK_QUEUE.includes(errCode)) return "";
  return "; another consumer already takes these messages from the work queue: remove it, or use another stream";
}
