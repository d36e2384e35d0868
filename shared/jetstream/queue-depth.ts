import { nextMessage } from "./browse.ts";
import { type JobQueue, queueState } from "./job-queue.ts";
import type { Manager } from "./manager.ts";

export interface QueueDepth {
  /** Messages never handed over. */
  readonly pending: number;
  /** Messages handed over and not settled. */
  readonly inFlight: number;
  /** Age of the oldest message that is not settled, seconds; 0: there is none. */
  readonly oldestSeconds: number;
}

/** A queue, and whether its stream forgets what is settled. */
export interface MeasuredQueue extends JobQueue {
  readonly isWorkQueue: boolean;
}

/** How deep a job's queue is and how old. `nowMs`: by the server's clock, since 1970. Null when the stream does not exist. */
export async function queueDepth(jsm: Manager, queue: MeasuredQueue, nowMs: number): Promise<QueueDepth | null> {
  const state = await queueState(jsm, queue);
  if (state === null) return null;
  // Everything in a work queue is unsettled; elsewhere only what is past the consumer's ack floor.
  const fromSequence = queue.isWorkQueue ? 1 : state.ackFloor + 1;
  const oldest = await nextMessage(jsm, { stream: queue.stream, subject: queue.filter, fromSequence });
  return {
    pending: state.pending,
    inFlight: state.inFlight,
    oldestSeconds: oldest === null ? 0 : Math.max(0, nowMs - oldest.storedAt.getTime()) / 1_000,
  };
}
