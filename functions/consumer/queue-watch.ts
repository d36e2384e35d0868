import type { Connection } from "../../shared/jetstream/connect.ts";
import type { JobQueue } from "../../shared/jetstream/job-queue.ts";
import { manage } from "../../shared/jetstream/manager.ts";
import { type QueueDepth, queueDepth } from "../../shared/jetstream/queue-depth.ts";
import { strandedIn } from "../../shared/jetstream/stranded.ts";
import { streamState } from "../../shared/jetstream/stream-state.ts";
import type { QueueState } from "./queue-state.ts";

/** How deep a job's queue is. */
export interface WatchedDepth extends QueueDepth {
  /** 0 for a stream that keeps its messages, where nothing strands. */
  readonly stranded: number;
}

/** A job's queue, and how to ask about it. */
export interface WatchedQueue {
  readonly job: string;
  readonly connection: Connection;
  readonly queue: JobQueue;
  readonly isWorkQueue: boolean;
  /** The server's time, milliseconds since 1970. */
  readonly serverNow: () => number;
}

const LOOK_EVERY_MS = 15_000;

/**
 * Looks now and then how deep the queues are: several requests to the server, too many for each scrape. What could not be
 * asked is not shown, rather than shown as it was.
 */
export class QueueWatch {
  readonly #queues: readonly WatchedQueue[];
  readonly #states: readonly QueueState[];
  readonly #timer: NodeJS.Timeout;
  readonly #depths = new Map<string, WatchedDepth>();
  readonly #delayed = new Map<string, number>();
  #looking = false;

  constructor(queues: readonly WatchedQueue[], states: readonly QueueState[]) {
    this.#queues = queues;
    this.#states = states;
    this.#timer = setInterval(() => void this.#look(), LOOK_EVERY_MS);
    this.#timer.unref();
    void this.#look();
  }

  /** By job. */
  get depths(): ReadonlyMap<string, WatchedDepth> {
    return this.#depths;
  }

  /** Messages that wait in the delayed stream, by connection. */
  get delayed(): ReadonlyMap<string, number> {
    return this.#delayed;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    if (this.#looking) return; // a server that is slow is not asked twice
    this.#looking = true;
    for (const queue of this.#queues) await noteIn(this.#depths, queue.job, () => depthOf(queue));
    for (const { connection, channel, delayed } of this.#states) {
      await noteIn(
        this.#delayed,
        connection,
        async () => (await streamState(channel.connection, delayed.stream)).messages,
      );
    }
    this.#looking = false;
  }
}

async function noteIn<T>(readings: Map<string, T>, key: string, read: () => Promise<T | null>): Promise<void> {
  const reading = await read().catch(() => null);
  if (reading === null) readings.delete(key);
  else readings.set(key, reading);
}

async function depthOf({ connection, queue, isWorkQueue, serverNow }: WatchedQueue): Promise<WatchedDepth | null> {
  const jsm = await manage(connection);
  const depth = await queueDepth(jsm, { ...queue, isWorkQueue }, serverNow());
  if (depth === null) return null;
  const stranded = (await strandedIn(jsm, queue.stream))?.stranded ?? 0;
  return { ...depth, stranded };
}
