import type { ConsumerInfo, JetStreamManager } from "nats";
import { readSpentAdvisory, type SpentAdvisory } from "./advisory.ts";
import { CONSUMER_NOT_FOUND, STREAM_NOT_FOUND, unlessMissing } from "./api-error.ts";
import { messageAt, type StoredMessage } from "./browse.ts";
import { type Buried, bury, type SpentMessage } from "./bury.ts";
import type { DeadLetterTarget } from "./dead-letter.ts";
import { manage } from "./manager.ts";
import type { PublishChannel } from "./publish-once.ts";
import type { PullConsumer } from "./pull-batch.ts";
import { findStranded } from "./reconcile.ts";
import { requeue } from "./requeue.ts";
import { takeAll } from "./take-all.ts";

/** A job's consumer, as far as a sweeper is concerned. */
export interface SweptJob {
  readonly job: string;
  readonly stream: string;
  readonly durable: string;
  /** False for a stream that keeps its messages: spent ones are copied and stay. */
  readonly isWorkQueue: boolean;
}

/** What one connection has to be swept. */
export interface SweepTarget {
  readonly channel: PublishChannel;
  readonly advisories: PullConsumer;
  readonly jobs: readonly SweptJob[];
  readonly deadLetters: DeadLetterTarget;
}

export type FoundBy = "advisory" | "reconcile";

export type SweepEvent =
  /** A message was taken to the dead letters. */
  | { readonly type: "swept"; readonly job: string; readonly reason: string; readonly by: FoundBy }
  /** A message that lay in its queue, unseen by its consumer, was put back at the end of it. */
  | { readonly type: "requeued"; readonly job: string }
  /** Something was left for the next sweep. `what`: the job it was about, or the consumer of advisories. */
  | { readonly type: "sweep_failed"; readonly what: string; readonly detail: string };

export interface SweepSettings {
  /** A message is stranded when it still is after this time. */
  readonly settleMs: number;
  readonly signal: AbortSignal;
  readonly onEvent: (event: SweepEvent) => void;
}

/**
 * Takes every message of a connection's jobs whose deliveries are spent to the dead letters: those the server told about,
 * then those that are found lying in their queues. What fails is reported and left for the next sweep. Never rejects.
 */
export async function sweep(target: SweepTarget, settings: SweepSettings): Promise<void> {
  const { stream, durable } = target.advisories;
  await unlessFailed(settings, `${stream}/${durable}`, () => sweepAdvisories(target, settings));
  for (const job of target.jobs) {
    if (settings.signal.aborted) return;
    if (job.isWorkQueue) await unlessFailed(settings, job.job, () => sweepQueue(target, job, settings));
  }
}

async function unlessFailed({ onEvent, signal }: SweepSettings, what: string, act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch (error) {
    if (signal.aborted) return;
    onEvent({ type: "sweep_failed", what, detail: error instanceof Error ? error.message : String(error) });
  }
}

async function sweepAdvisories(target: SweepTarget, settings: SweepSettings): Promise<void> {
  const { connection } = target.channel;
  const jsm = await manage(connection);
  await takeAll(connection, target.advisories, async (body) => {
    const advisory = readSpentAdvisory(body);
    const job = target.jobs.find(({ stream, durable }) => stream === advisory?.stream && durable === advisory.consumer);
    if (advisory === null || job === undefined) return true; // not ours, or of a job that is no more
    if (settings.signal.aborted) return false;
    const spent = await spentBy(jsm, job, advisory);
    return spent === null || (await take(target, spent, { by: "advisory", settings }));
  });
}

/**
 * The message an advisory is about; null when there is nothing to do. It may have been settled after all: a late
 * acknowledgement still removes it. And it may have nothing to do with the advisory any more: a consumer that was made
 * anew delivers everything again, a stream that was made anew counts from 1 again.
 */
async function spentBy(jsm: JetStreamManager, job: SweptJob, advisory: SpentAdvisory): Promise<SpentMessage | null> {
  const consumer = await consumerInfo(jsm, job);
  if (consumer === null || new Date(consumer.created) > advisory.at) return null;
  const message = await messageAt(jsm, job.stream, advisory.streamSequence);
  if (message === null || message.storedAt > advisory.at) return null;
  return { ...place(job), message, deliveries: advisory.deliveries };
}

async function sweepQueue(target: SweepTarget, job: SweptJob, settings: SweepSettings): Promise<void> {
  const jsm = await manage(target.channel.connection);
  if ((await consumerInfo(jsm, job)) === null) return;
  for await (const { message, deliveries } of findStranded(jsm, { ...job, ...settings })) {
    if (settings.signal.aborted) return;
    if (deliveries > 0) await take(target, { ...place(job), message, deliveries }, { by: "reconcile", settings });
    else await putBack(target, job, { message, settings });
  }
}

/** Its deliveries cannot be spent, so it was settled, and the server kept it; or the server has forgotten it. */
async function putBack(
  { channel }: SweepTarget,
  { job, stream }: SweptJob,
  { message, settings }: { readonly message: StoredMessage; readonly settings: SweepSettings },
): Promise<void> {
  const result = await requeue(channel, stream, message);
  if (result.type === "requeued") settings.onEvent({ type: "requeued", job });
  else settings.onEvent(left({ job, stream, message }, result.detail));
}

/** The message is named in the detail: `what` becomes a label of a metric, which one message must not be. */
function left({ job, stream, message }: Pick<SpentMessage, "job" | "stream" | "message">, detail: string): SweepEvent {
  return { type: "sweep_failed", what: job, detail: `${stream}:${message.sequence}: ${detail}` };
}

function place({ job, stream, isWorkQueue }: SweptJob): Pick<SpentMessage, "job" | "stream" | "remove"> {
  return { job, stream, remove: isWorkQueue };
}

async function take(
  { channel, deadLetters }: SweepTarget,
  spent: SpentMessage,
  { by, settings }: { readonly by: FoundBy; readonly settings: SweepSettings },
): Promise<boolean> {
  const buried: Buried = await bury(channel, deadLetters, spent);
  if (buried.type === "buried") settings.onEvent({ type: "swept", job: spent.job, reason: buried.reason, by });
  else settings.onEvent(left(spent, buried.detail));
  return buried.type === "buried";
}

function consumerInfo(jsm: JetStreamManager, { stream, durable }: PullConsumer): Promise<ConsumerInfo | null> {
  const find = () => unlessMissing(CONSUMER_NOT_FOUND, () => jsm.consumers.info(stream, durable));
  return unlessMissing(STREAM_NOT_FOUND, find);
}
