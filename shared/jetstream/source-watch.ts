import { CONSUMER_NOT_FOUND, unlessMissing } from "./api-error.ts";
import type { Connection } from "./connect.ts";
import type { Manager } from "./manager.ts";

/** What stream and consumer say at one moment. */
export interface SourceLook {
  readonly stream: StreamLook;
  /** Null: there is none at present. */
  readonly consumer: ConsumerLook | null;
}

interface StreamLook {
  /** The server's text for it: the name alone does not tell a stream from the one that was deleted before it. */
  readonly madeAt: string;
  /** The subjects that it listens to; none when it is filled by other streams. */
  readonly subjects: readonly string[];
  /** The number its first message got, or will get. */
  readonly startsAt: number;
  /** The oldest message that it still has. */
  readonly firstSequence: number;
  readonly lastSequence: number;
}

interface ConsumerLook {
  readonly madeAt: string;
  /** Everything up to here was handed over, or was gone before it could be. */
  readonly deliveredUpTo: number;
  /** Hand-overs so far, repeated ones included. */
  readonly handOvers: number;
  /** Never handed over. */
  readonly pending: number;
}

/** Repeated hand-overs that this process has seen: before a look was asked for, and once it was answered. */
export interface Repeated {
  readonly before: number;
  readonly after: number;
}

/** What was deleted and made again under its old name since the look before. */
export type Remade = "stream" | "consumer";

/** Where a consumer has come to. */
interface Mark {
  readonly passedUpTo: number;
  readonly firstHandOvers: number;
}

/**
 * Counts what a stream let go of before it was handed over. Every sequence up to the last that was handed over or let go of
 * was one or the other, so what the sequence grew by more than the hand-overs is gone. Exact for a consumer that takes every
 * subject of its stream, but for repeated hand-overs that this process does not see, or that 2.9.10 passes off as first ones:
 * those hide as many losses. What was handed over to a process that died, and is let go of before it is handed over again,
 * leaves no trace: the server moves the ack floor past it at once (2.9.10 and 2.15.1).
 *
 * A stream or consumer that is made anew counts from its beginning again. What went is counted on from there only where no
 * consumer before it can have handed it over: too little rather than what was not lost.
 */
export class ExpiredCount {
  readonly #takesAll: (stream: StreamLook) => boolean;
  #isKnown: boolean;
  #streamMadeAt: string;
  #consumerMadeAt: string | null;
  #mark: Mark;
  /** Up to here a consumer before the present one may have handed over what the present one did not. */
  #formerUpTo = 0;
  /** As far as the last consumer can have come by the time it was missed; null while it was not. */
  #goneAt: number | null = null;
  #counted = 0;
  /** The most that was gone since the mark. */
  #most = 0;

  /** `first`: the look before anything is asked for, so that what went while nobody was there counts too. */
  constructor(first: SourceLook, takesAll: (stream: Pick<StreamLook, "subjects">) => boolean) {
    const { stream, consumer } = first;
    this.#takesAll = takesAll;
    this.#isKnown = takesAll(stream);
    this.#streamMadeAt = stream.madeAt;
    this.#consumerMadeAt = consumer?.madeAt ?? null;
    this.#mark = consumer === null ? beginningOf(stream, 0) : markAt(stream, consumer, 0);
    if (consumer === null) this.#goneAt = stream.lastSequence;
    else if (this.#isKnown) this.#counted = Math.max(0, stream.firstSequence - 1 - consumer.deliveredUpTo);
  }

  /** Never falls; null while the stream has subjects that are not the consumer's. */
  get total(): number | null {
    return this.#isKnown ? this.#counted + this.#most : null;
  }

  /** Says what was made anew, once for each time; the first consumer of a stream was not. */
  look({ stream, consumer }: SourceLook, repeated: Repeated): Remade | null {
    this.#isKnown = this.#takesAll(stream);
    const isNewStream = stream.madeAt !== this.#streamMadeAt;
    if (isNewStream) this.#beginStream(stream);
    if (consumer === null) {
      this.#goneAt ??= stream.lastSequence;
      return isNewStream ? "stream" : null;
    }
    const isNewConsumer = consumer.madeAt !== this.#consumerMadeAt;
    const isFirst = this.#consumerMadeAt === null;
    if (isNewConsumer) this.#beginConsumer(stream, consumer, repeated);
    this.#goneAt = null;
    this.#count(stream, consumer, repeated);
    if (isNewStream) return "stream";
    return isNewConsumer && !isFirst ? "consumer" : null;
  }

  #beginStream(stream: StreamLook): void {
    this.#streamMadeAt = stream.madeAt;
    this.#consumerMadeAt = null;
    this.#formerUpTo = 0;
    this.#goneAt = stream.startsAt - 1; // nobody was handed any of it
  }

  #beginConsumer(stream: StreamLook, { madeAt }: ConsumerLook, { after }: Repeated): void {
    this.#consumerMadeAt = madeAt;
    this.#formerUpTo = Math.max(this.#formerUpTo, this.#goneAt ?? stream.lastSequence);
    this.#moveMark(beginningOf(stream, after));
  }

  #count(stream: StreamLook, consumer: ConsumerLook, { before, after }: Repeated): void {
    const now = markAt(stream, consumer, before);
    const gone = now.passedUpTo - this.#mark.passedUpTo - (now.firstHandOvers - this.#mark.firstHandOvers);
    const unsure = Math.max(0, this.#formerUpTo - this.#mark.passedUpTo);
    if (this.#isKnown) this.#most = Math.max(this.#most, gone - unsure);
    if (unsure > 0 || !this.#isKnown) this.#moveMark(markAt(stream, consumer, after));
  }

  #moveMark(mark: Mark): void {
    this.#counted += this.#most;
    this.#most = 0;
    this.#mark = mark;
  }
}

function markAt({ firstSequence }: StreamLook, { deliveredUpTo, handOvers }: ConsumerLook, repeated: number): Mark {
  return { passedUpTo: Math.max(deliveredUpTo, firstSequence - 1), firstHandOvers: handOvers - repeated };
}

/** Where a consumer of the stream stands to which nothing was handed over. */
function beginningOf({ startsAt }: StreamLook, repeated: number): Mark {
  return { passedUpTo: startsAt - 1, firstHandOvers: -repeated };
}

/** The calls that a look needs. */
export interface Lookout {
  readonly streams: Pick<Manager["streams"], "info">;
  readonly consumers: Pick<Manager["consumers"], "info">;
}

interface Looked {
  readonly stream: string;
  readonly durable: string;
}

/** Made once: the client asks whether there is JetStream each time that it is not told to. */
export function lookoutOf(connection: Connection): Promise<Lookout> {
  return connection.jetstreamManager({ checkAPI: false });
}

/** `before`: the last look, null when there was none. Rejects when the server does not answer, or has no such stream. */
export async function lookAtSource(lookout: Lookout, at: Looked, before: SourceLook | null): Promise<SourceLook> {
  const look = await lookOnce(lookout, at);
  return isTorn(look, before) ? lookOnce(lookout, at) : look;
}

/** A consumer that is new may be of a stream that was made anew after it was asked about. */
function isTorn({ stream, consumer }: SourceLook, before: SourceLook | null): boolean {
  if (before === null || consumer === null) return false;
  return stream.madeAt === before.stream.madeAt && consumer.madeAt !== before.consumer?.madeAt;
}

async function lookOnce({ streams, consumers }: Lookout, { stream, durable }: Looked): Promise<SourceLook> {
  // The stream first: what is handed over between the two answers must not look as if it were gone.
  const { created, config, state } = await streams.info(stream);
  const consumer = await unlessMissing(CONSUMER_NOT_FOUND, () => consumers.info(stream, durable));
  return {
    stream: {
      madeAt: created,
      subjects: config.subjects ?? [],
      startsAt: config.first_seq || 1, // before 2.10 there is no such setting
      firstSequence: state.first_seq,
      lastSequence: state.last_seq,
    },
    consumer: consumer && {
      madeAt: consumer.created,
      deliveredUpTo: consumer.delivered.stream_seq,
      handOvers: consumer.delivered.consumer_seq,
      pending: consumer.num_pending,
    },
  };
}
