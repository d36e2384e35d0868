import { setTimeout as wait } from "node:timers/promises";
import type { ConsumerInfo, JetStreamManager } from "nats";
import { STREAM_NOT_FOUND, unlessMissing } from "./api-error.ts";

/** What a work queue holds that no consumer will ever hand over. */
export interface Stranded {
  readonly messages: number;
  /** Their deliveries are spent: the sweeper takes them to the dead letters. 0 in a healthy queue. */
  readonly stranded: number;
  /** On subjects that no consumer of the stream claims. */
  readonly unclaimed: number;
}

/** One look at a work queue: the stream before, its consumers, the stream after. */
export interface QueueReading {
  readonly lastSequenceBefore: number;
  /** Waiting or in flight, over all consumers. */
  readonly owed: number;
  readonly lastSequenceAfter: number;
  readonly messages: number;
}

/**
 * How many messages no consumer owes, at the least. What was published during the look is taken off, because some
 * consumers were asked before it came: a queue that is busy shows too few, never one that is not stranded.
 */
export function notOwed({ messages, owed, lastSequenceBefore, lastSequenceAfter }: QueueReading): number {
  return Math.max(0, messages - (lastSequenceAfter - lastSequenceBefore) - owed);
}

const BETWEEN_LOOKS_MS = 300;

/** Counts what is stranded in a work queue; null for a stream that keeps its messages, and where there is none. */
export async function strandedIn(jsm: JetStreamManager, stream: string): Promise<Stranded | null> {
  if (!(await isWorkQueue(jsm, stream))) return null;
  let look = await lookAt(jsm, stream);
  if (look.left > 0) {
    // An acknowledged message is removed a moment after it stops to be owed: what is stranded is still there later.
    await wait(BETWEEN_LOOKS_MS);
    const again = await lookAt(jsm, stream);
    look = again.left < look.left ? again : look;
  }
  const { left, messages, filters } = look;
  const unclaimed = left === 0 ? 0 : Math.min(left, await countUnclaimed(jsm, stream, filters));
  return { messages, stranded: left - unclaimed, unclaimed };
}

async function isWorkQueue(jsm: JetStreamManager, stream: string): Promise<boolean> {
  const info = await unlessMissing(STREAM_NOT_FOUND, () => jsm.streams.info(stream));
  return info?.config.retention === "workqueue";
}

interface Look {
  readonly messages: number;
  readonly left: number;
  readonly filters: readonly string[];
}

async function lookAt(jsm: JetStreamManager, stream: string): Promise<Look> {
  const before = (await jsm.streams.info(stream)).state;
  let owed = 0;
  const filters: string[] = [];
  for await (const consumer of jsm.consumers.list(stream)) {
    owed += consumer.num_pending + consumer.num_ack_pending;
    filters.push(...filtersOf(consumer));
  }
  const { last_seq: lastSequenceAfter, messages } = (await jsm.streams.info(stream)).state;
  const left = notOwed({ messages, owed, lastSequenceBefore: before.last_seq, lastSequenceAfter });
  return { messages, left, filters };
}

/** The subjects a consumer takes; `>` for all of its stream. */
export function filtersOf({ config }: Pick<ConsumerInfo, "config">): readonly string[] {
  const { filter_subjects: several = [], filter_subject: one = "" } = config;
  if (several.length > 0) return several;
  return [one === "" ? ">" : one];
}

async function countUnclaimed(jsm: JetStreamManager, stream: string, filters: readonly string[]): Promise<number> {
  if (filters.includes(">")) return 0;
  const { state } = await jsm.streams.info(stream, { subjects_filter: ">" });
  const unclaimed = Object.entries(state.subjects ?? {}).filter(
    ([subject]) => !filters.some((filter) => isClaimed(subject, filter)),
  );
  return unclaimed.reduce((sum, [, count]) => sum + count, 0);
}

/** Whether a filter (`*` is one token, `>` at the end any number) takes a subject. */
export function isClaimed(subject: string, filter: string): boolean {
  const tokens = subject.split(".");
  const wanted = filter.split(".");
  const isOpen = wanted.at(-1) === ">";
  if (isOpen ? tokens.length < wanted.length : tokens.length !== wanted.length) return false;
  return wanted.every((token, at) => token === "*" || token === tokens[at] || (isOpen && at === wanted.length - 1));
}
