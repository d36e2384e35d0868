import { ACK, type AckChannel, nak, PendingAck, TERM } from "../../shared/jetstream/acknowledge.ts";
import { copyToDeadLetters, type DeadLetterTarget } from "../../shared/jetstream/dead-letter.ts";
import type { Delivery } from "../../shared/jetstream/delivery.ts";
import { type Postponed, readPostponed } from "../../shared/jetstream/parking.ts";
import { publishOnce } from "../../shared/jetstream/publish-once.ts";
import { Pull } from "../../shared/jetstream/pull.ts";
import type { ServerClock } from "../../shared/jetstream/server-clock.ts";
import { within } from "../../shared/time/within.ts";
import type { Consumer } from "./consumer.ts";
import type { JobObserver } from "./events.ts";

export interface ReleaserSettings extends AckChannel {
  /** Whose delayed messages these are. */
  readonly job: string;
  readonly stream: string;
  readonly durable: string;
  readonly mode: "worker" | "drain";
  readonly clock: ServerClock;
  readonly deadLetters: DeadLetterTarget;
  /** Milliseconds since 1970. */
  readonly wallNow: () => number;
  /** The job whose queue takes messages of that subject in that stream; null: none of this configuration does. */
  readonly jobOf: (stream: string, subject: string) => string | null;
  readonly onEvent: JobObserver;
}

const PREFETCH = 256;
/** A message that is due this soon is put back at once. */
const EARLY_MS = 20;
/** How long a message waits whose queue is full or away. */
const NOT_STORED_DELAY_MS = 2_000;

/** How long a due message waits for a worker whose configuration knows where it belongs, and how often that is asked. */
const UNKNOWN_FOR_MS = 3_600_000;
const UNKNOWN_AGAIN_MS = 30_000;

type Verb = { readonly verb: string | Uint8Array; readonly most: number };
const LEAVE: Verb = { verb: ACK, most: 3 };
const END: Verb = { verb: TERM, most: 3 };

/**
 * Puts messages back that waited for a long delay. What is not due yet is handed back to the server with the time that is
 * left: the server does the waiting, across restarts, and any worker may be the one that puts it back.
 */
export class Releaser implements Consumer {
  readonly emptied: Promise<void>;
  readonly stopped: Promise<void>;
  readonly #settings: ReleaserSettings;
  readonly #pull: Pull;
  #onEmptied: (() => void) | null = null;
  #onStopped: (() => void) | null = null;
  #onIdle: (() => void) | null = null;

  constructor(settings: ReleaserSettings) {
    this.#settings = settings;
    this.emptied = new Promise((resolve) => {
      this.#onEmptied = resolve;
    });
    this.stopped = new Promise((resolve) => {
      this.#onStopped = resolve;
    });
    const { connection, stream, durable, mode, now, onEvent } = settings;
    this.#pull = new Pull(
      connection,
      { stream, durable, prefetch: () => PREFETCH, noWait: mode === "drain" },
      {
        delivered: (delivery) => void this.#handle(delivery),
        exhausted: (nothing) => this.#exhausted(nothing),
        trouble: (detail) => onEvent({ type: "pull_trouble", job: settings.job, detail }),
        returned: () => {},
      },
      now,
    );
  }

  get held(): number {
    return this.#pull.held;
  }

  get trouble(): string | null {
    return this.#pull.trouble === null ? null : `delayed messages of job ${this.#settings.job}: ${this.#pull.trouble}`;
  }

  disconnected(): void {
    this.#pull.disconnected();
  }

  reconnected(): void {
    this.#pull.reconnected();
  }

  async stop(deadlineMs: number): Promise<number> {
    await within(Promise.all([this.#pull.close(), this.#idle()]), deadlineMs);
    this.#onStopped?.();
    return this.held;
  }

  async #handle(delivery: Delivery): Promise<void> {
    const { verb, most } = await this.#judge(delivery);
    const { ackSubject: subject, leaseFromMs } = delivery;
    new PendingAck(this.#settings, { subject, verb, leaseFromMs, most, onEnd: () => this.#done() });
  }

  /** What to tell the server about a message that waits. */
  async #judge(delivery: Delivery): Promise<Verb> {
    const message = readPostponed(delivery);
    if (message === null) return this.#refuse(delivery);
    const leftMs = message.untilMs - this.#settings.clock.now();
    if (leftMs > EARLY_MS) return { verb: nak(leftMs), most: 1 };
    const job = this.#settings.jobOf(message.stream, message.subject);
    if (job !== null) return this.#putBack(message, job);
    // While a changed configuration is rolled out, other workers may know better.
    return leftMs > -UNKNOWN_FOR_MS ? { verb: nak(UNKNOWN_AGAIN_MS), most: 1 } : this.#refuse(delivery);
  }

  /** A `duplicate` is this very copy, stored by a try whose acknowledgement was lost: its id belongs to no other message. */
  async #putBack(message: Omit<Postponed, "job">, job: string): Promise<Verb> {
    const result = await publishOnce(this.#settings, message);
    if (!result.stored) return { verb: nak(NOT_STORED_DELAY_MS), most: 1 };
    if (!result.duplicate) this.#settings.onEvent({ type: "released", job });
    return LEAVE;
  }

  /**
   * Whoever may write to the delayed stream could otherwise make a worker publish anywhere in its own name: what belongs to no
   * job goes to the dead letters.
   */
  async #refuse(delivery: Delivery): Promise<Verb> {
    const { deadLetters, durable, wallNow } = this.#settings;
    const death = {
      job: this.#settings.job,
      handler: durable,
      reason: "NOT_RELEASABLE",
      detail: "it names no stream and subject that a job of this configuration reads",
      attempts: 0,
      diedAt: new Date(wallNow()),
    };
    const copy = await copyToDeadLetters(deadLetters, { delivery, death });
    return copy.stored ? END : { verb: nak(NOT_STORED_DELAY_MS), most: 1 };
  }

  #done(): void {
    this.#pull.release();
    if (this.#pull.held > 0) return;
    this.#onIdle?.();
    this.#pull.again();
  }

  #idle(): Promise<void> {
    if (this.held === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onIdle = resolve;
    });
  }

  #exhausted(nothing: boolean): void {
    if (!nothing) this.#pull.again();
    else if (this.held === 0) this.#onEmptied?.();
  }
}
