import { type Channel, makeChannel, REPLY_TIMEOUT_MS } from "../../../shared/jetstream/channel.ts";
import type { Connection } from "../../../shared/jetstream/connect.ts";
import type { Delivery } from "../../../shared/jetstream/delivery.ts";
import { Fifo } from "../../../shared/jetstream/fifo.ts";
import type { Lane, Settle } from "../../../shared/jetstream/lane.ts";
import { Source, type SourceSettings } from "../../../shared/jetstream/source.ts";
import type { Remade } from "../../../shared/jetstream/source-watch.ts";
import type { Logger } from "../../../shared/telemetry/logger.ts";
import type { HandShare } from "../hand.ts";
import type { Arrival, Ingest, IngestOutlet } from "../ingest.ts";
import { SourceWatch } from "./source-watch.ts";

export interface StreamSourceSettings extends SourceSettings {
  readonly ingest: string;
  readonly ackWaitMs: number;
  /** What the consumer takes of the stream. */
  readonly subject: string;
}

export interface StreamSourceContext {
  readonly connection: Connection;
  /** Makes the judge of what arrives. */
  readonly ingest: (outlet: IngestOutlet) => Ingest;
  readonly outlet: IngestOutlet;
  /** Where that judge takes the room from. */
  readonly hand: HandShare;
  /** Of the streams that the ingest feeds. */
  readonly lanes: readonly Lane[];
  readonly wallClock: () => number;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  readonly log: Logger;
}

interface Waiting {
  readonly delivery: Delivery;
  readonly settle: Settle;
  readonly arrivedAt: number;
}

/** Enough for all cores; more would take the hand from ingests whose messages cannot wait. */
const VALIDATING_AT_ONCE = 256;
/** Room may be made by others, who do not tell. */
const LOOK_FOR_ROOM_MS = 20;

/**
 * An ingest that takes its messages from a stream. What the bridge has no room for waits here and at the source, in order,
 * instead of being shed: in front of validation, and in front of a lane that is full.
 */
export class StreamSource {
  readonly connection: Connection;
  readonly #settings: StreamSourceSettings;
  readonly #context: StreamSourceContext;
  readonly #ingest: Ingest;
  readonly #waiting = new Fifo<Waiting>();
  readonly #channel: Channel;
  readonly #source: Source;
  readonly #watch: SourceWatch;
  readonly #ticker: NodeJS.Timeout;
  #validating = 0;
  #toldTrouble: string | null = null;

  private constructor(
    settings: StreamSourceSettings,
    context: StreamSourceContext,
    watch: (source: StreamSource) => SourceWatch,
  ) {
    this.#settings = settings;
    this.#context = context;
    this.connection = context.connection;
    this.#ingest = context.ingest({
      accept: (message, arrival) => {
        this.#judged();
        context.outlet.accept(message, arrival);
      },
      reject: (rejection, arrival) => {
        this.#judged();
        context.outlet.reject(rejection, arrival);
      },
    });
    this.#channel = makeChannel(context.connection, REPLY_TIMEOUT_MS, context.now);
    this.#watch = watch(this);
    const { ackWaitMs } = settings;
    this.#source = new Source({ ...this.#channel, ackWaitMs, now: context.now }, settings, {
      delivered: (delivery, settle) => this.#take(delivery, settle),
      isBlocked: () => this.#waiting.peek() !== undefined || this.#isFull(),
      trouble: (detail) => this.#trouble(detail),
      look: () => this.#watch.look(),
    });
    this.#ticker = setInterval(() => this.#admit(), LOOK_FOR_ROOM_MS);
  }

  /** Rejects when the source cannot be looked at. */
  static async start(settings: StreamSourceSettings, context: StreamSourceContext): Promise<StreamSource> {
    const seen = await SourceWatch.look(context.connection, settings);
    return new StreamSource(settings, context, (source) => {
      const repeated = (): number => source.#source.counters.repeated;
      return new SourceWatch(seen, { repeated, remade: (what, waiting) => source.#remade(what, waiting) });
    });
  }

  /** Messages taken from the source and not settled. */
  get held(): number {
    return this.#source.held;
  }

  /** Hand-overs that were not the first of their message; what is still in hand is processed once all the same. */
  get redelivered(): number {
    return this.#source.counters.redelivered;
  }

  /** Given back to the source: they come again. */
  get returned(): number {
    return this.#source.counters.returned;
  }

  /** Messages in the source that nobody was given yet; null while it cannot be asked. */
  get pending(): number | null {
    return this.#watch.pending;
  }

  /** Messages the source let go of before they were taken; null where that cannot be told. */
  get expired(): number | null {
    return this.#watch.expired;
  }

  /** Why nothing can be taken at present, or null. */
  get problem(): string | null {
    const { trouble } = this.#source;
    if (trouble === null) return null;
    const { ingest, stream, durable } = this.#settings;
    return `ingest ${ingest}: nothing comes from stream ${stream}, consumer ${durable}: ${trouble}`;
  }

  disconnected(): void {
    this.#source.disconnected();
  }

  reconnected(): void {
    this.#source.reconnected();
  }

  /** Takes nothing more, and gives back what has not been begun. */
  async withdraw(): Promise<void> {
    clearInterval(this.#ticker);
    this.#watch.close();
    await this.#source.withdraw();
    for (const { settle } of this.#waiting.take(() => true)) settle(false);
  }

  /** Gives back what is not settled, after `withdraw`. */
  async close(): Promise<void> {
    await this.#source.close();
  }

  #take(delivery: Delivery, settle: Settle): void {
    this.#toldTrouble = null;
    this.#waiting.push({ delivery, settle, arrivedAt: this.#context.now() });
    this.#admit();
  }

  #admit(): void {
    for (let next = this.#waiting.peek(); next !== undefined; next = this.#waiting.peek()) {
      if (this.#isFull() || !this.#context.hand.hasRoom(next.delivery.size)) return;
      this.#waiting.shift();
      this.#validating += 1;
      this.#ingest.receive(this.#arrival(next));
    }
  }

  #isFull(): boolean {
    return this.#validating >= VALIDATING_AT_ONCE || this.#context.lanes.some(({ isFull }) => isFull);
  }

  #judged(): void {
    this.#validating -= 1;
    if (this.#waiting.peek() !== undefined) setImmediate(() => this.#admit()); // once what was judged stands in its lane
  }

  #arrival({ delivery, settle, arrivedAt }: Waiting): Arrival {
    const { subject, data, stream, streamSequence, timestampMs } = delivery;
    return {
      subject,
      data,
      size: delivery.size,
      headers: () => delivery.headers(),
      // With the time, because a stream that is deleted and made again counts from 1 again.
      arrivalId: `${this.#settings.ingest}.${stream}.${streamSequence}.${timestampMs}`,
      receivedAtMs: timestampMs,
      nowMs: this.#context.wallClock(),
      arrivedAt,
      settled: settle,
    };
  }

  /** With an audit line: what was waiting in a stream that was deleted is lost, and how much of it was handed over nobody can tell. */
  #remade(what: Remade, waiting: number | null): void {
    this.#source.disown();
    const { ingest, stream, durable } = this.#settings;
    const text = `the ${what} was deleted and made again: what it let go of is counted anew from here`;
    this.#context.log.warn({ ingest, stream, durable, waiting }, text);
  }

  #trouble(detail: string): void {
    if (this.#toldTrouble === detail) return; // it is asked again for ever: once is enough
    this.#toldTrouble = detail;
    const { ingest, stream, durable } = this.#settings;
    this.#context.log.error({ ingest, stream, durable }, `nothing comes from the source: ${detail}`);
  }
}
