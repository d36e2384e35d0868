import type { ConsumerInfo, JetStreamManager } from "nats";
import { CONSUMER_NOT_FOUND, STREAM_NOT_FOUND, unlessMissing } from "./api-error.ts";

/** Where a job's messages wait. */
export interface JobQueue {
  readonly stream: string;
  readonly durable: string;
  /** One consumer per partition, named `<durable>-p<partition>-<epoch>`, instead of one. */
  readonly ordered: boolean;
  /** A subject filter that takes every message of the job, and none of others. */
  readonly filter: string;
}

export interface QueueState {
  /** Names; none when nobody has made them yet. */
  readonly consumers: readonly string[];
  /** Messages never handed over. */
  readonly pending: number;
  /** Messages handed over and not settled: in a worker's hands, or waiting for their retry. */
  readonly inFlight: number;
  /** Deliveries that are over, however they ended. Its growth is the speed of the job. */
  readonly endedDeliveries: number;
  /** Every message up to this sequence is settled. */
  readonly ackFloor: number;
  /** The highest sequence ever handed over. */
  readonly delivered: number;
  /** Pull requests that wait at the server: somebody is asking. */
  readonly waitingPulls: number;
  /** The server delivers nothing until then; null when it does. */
  readonly pausedUntil: Date | null;
}

/** What the consumers of a job say, added up; null when the stream does not exist. */
export async function queueState(jsm: JetStreamManager, queue: JobQueue): Promise<QueueState | null> {
  const found = await unlessMissing(STREAM_NOT_FOUND, () => consumersOf(jsm, queue));
  if (found === null) return null;
  const state = added(found);
  return queue.ordered ? { ...state, pending: await notHandedOver(jsm, queue.stream, state.inFlight) } : state;
}

/** An ordered job is the only reader of its queue, and a partition that nobody owns has no consumer to count for it. */
async function notHandedOver(jsm: JetStreamManager, stream: string, inFlight: number): Promise<number> {
  const { state } = await jsm.streams.info(stream);
  return Math.max(0, state.messages - inFlight);
}

async function consumersOf(jsm: JetStreamManager, { stream, durable, ordered }: JobQueue): Promise<ConsumerInfo[]> {
  if (!ordered) {
    const info = await unlessMissing(CONSUMER_NOT_FOUND, () => jsm.consumers.info(stream, durable));
    return info === null ? [] : [info];
  }
  const partitions: ConsumerInfo[] = [];
  for await (const info of jsm.consumers.list(stream)) if (isPartition(durable, info.name)) partitions.push(info);
  return partitions;
}

function isPartition(durable: string, consumer: string): boolean {
  return consumer.startsWith(`${durable}-p`) && /^\d+-\d+$/.test(consumer.slice(durable.length + 2));
}

function added(infos: readonly ConsumerInfo[]): QueueState {
  const sum = (of: (info: ConsumerInfo) => number): number => infos.reduce((total, info) => total + of(info), 0);
  const pausedUntil = infos.map(({ paused, config }) => (paused === true ? new Date(config.pause_until ?? 0) : null));
  return {
    consumers: infos.map(({ name }) => name),
    pending: sum(({ num_pending }) => num_pending),
    inFlight: sum(({ num_ack_pending }) => num_ack_pending),
    endedDeliveries: sum(({ delivered, num_ack_pending }) => delivered.consumer_seq - num_ack_pending),
    ackFloor: infos.length === 0 ? 0 : Math.min(...infos.map(({ ack_floor }) => ack_floor.stream_seq)),
    delivered: Math.max(0, ...infos.map(({ delivered }) => delivered.stream_seq)),
    waitingPulls: sum(({ num_waiting }) => num_waiting),
    pausedUntil: pausedUntil.find((until) => until !== null) ?? null,
  };
}

/** Messages whose subject the filter takes; null when the stream does not exist. */
export async function countMessages(jsm: JetStreamManager, stream: string, filter: string): Promise<number | null> {
  const info = await unlessMissing(STREAM_NOT_FOUND, () => jsm.streams.info(stream, { subjects_filter: filter }));
  return info === null ? null : Object.values(info.state.subjects ?? {}).reduce((total, count) => total + count, 0);
}
