import type { Connection } from "./connect.ts";
import { manage } from "./manager.ts";

/** What stream and consumer say at one moment. */
export interface SourceLook {
  /** The oldest message that the stream still has. */
  readonly firstSequence: number;
  /** Everything up to here was handed over, or was gone before it could be. */
  readonly deliveredUpTo: number;
  /** Hand-overs so far, repeated ones included. */
  readonly handOvers: number;
  /** Never handed over. */
  readonly pending: number;
}

/**
 * Counts what a stream let go of before it was handed over. Every sequence up to the last that was handed over or let go of
 * was one or the other, so what the sequence grew by more than the hand-overs is gone. Exact for a consumer that takes every
 * subject of its stream, but for repeated hand-overs that this process does not see: those hide as many losses. What was
 * handed over to a process that died, and is let go of before it is handed over again, leaves no trace: the server moves
 * the ack floor past it at once (2.9.10 and 2.15.1).
 */
export class ExpiredCount {
  readonly #first: SourceLook;
  readonly #goneBefore: number;
  #most = 0;

  /** Of the look before anything is asked for: what went while nobody was there counts too. */
  constructor(first: SourceLook) {
    this.#first = first;
    this.#goneBefore = Math.max(0, first.firstSequence - 1 - first.deliveredUpTo);
  }

  /** Never falls. */
  get total(): number {
    return this.#goneBefore + this.#most;
  }

  /** `repeated`: hand-overs since the first look that were not the first of their message. */
  look(now: SourceLook, repeated: number): void {
    const passed = passedUpTo(now) - passedUpTo(this.#first);
    const firstHandOvers = now.handOvers - this.#first.handOvers - repeated;
    this.#most = Math.max(this.#most, passed - firstHandOvers);
  }
}

function passedUpTo({ deliveredUpTo, firstSequence }: SourceLook): number {
  return Math.max(deliveredUpTo, firstSequence - 1);
}

/** Rejects when the server does not answer, or has no such stream or consumer. */
export async function lookAtSource(connection: Connection, stream: string, durable: string): Promise<SourceLook> {
  const jsm = await manage(connection);
  // The stream first: what is handed over between the two answers must not look as if it were gone.
  const { state } = await jsm.streams.info(stream);
  const consumer = await jsm.consumers.info(stream, durable);
  return {
    firstSequence: state.first_seq,
    deliveredUpTo: consumer.delivered.stream_seq,
    handOvers: consumer.delivered.consumer_seq,
    pending: consumer.num_pending,
  };
}

/** The subjects that a stream listens to; none when it is filled by other streams. Rejects as `lookAtSource`. */
export async function storedSubjects(connection: Connection, stream: string): Promise<readonly string[]> {
  const jsm = await manage(connection);
  return (await jsm.streams.info(stream)).config.subjects ?? [];
}
