import { setTimeout as pause } from "node:timers/promises";
import PQueue from "p-queue";
import type { Delivery } from "../../shared/jetstream/delivery.ts";
import { Fifo } from "../../shared/jetstream/fifo.ts";
import { Leases } from "../../shared/jetstream/leases.ts";
import { Pull } from "../../shared/jetstream/pull.ts";
import { TokenBucket } from "../../shared/jobs/token-bucket.ts";
import { within } from "../../shared/time/within.ts";
import { BatchCollector } from "./batch-collector.ts";
import type { JobRunner } from "./consumer.ts";
import { Handling, type HandlingSettings } from "./handling.ts";
import { settledEvent } from "./parting.ts";
import { prefetchOf } from "./prefetch.ts";

/** What jobs of one process share. */
export interface SharedLimits {
  /** Runs at the same time over all jobs; null: no limit but each job's own. */
  readonly gate: PQueue | null;
  /** How long the event loop was held up of late, milliseconds. */
  readonly lagMs: () => number;
}

export interface JobConsumerSettings extends HandlingSettings, SharedLimits {
  /** A drain takes what is there; a worker waits for more. */
  readonly mode: "worker" | "drain";
}

/** Share of a stop's time in which running jobs may still end by themselves; the rest is for giving back and settling. */
export const SHARE_FOR_RUNS = 0.8;
/** How late a timeout may come. A timer for each run costs more than looking at all of them now and then. */
const SWEEP_EVERY_MS = 25;

/** Pulls the messages of one job, keeps their leases, and has them handled, a bounded number at a time. */
export class JobConsumer implements JobRunner {
  readonly #settings: JobConsumerSettings;
  readonly #handling: Handling;
  readonly #leases: Leases;
  readonly #waiting = new Fifo<Delivery>();
  readonly #queue: PQueue;
  readonly #tokens: TokenBucket | null;
  /** Null: messages are handled one by one. */
  readonly #collector: BatchCollector<Delivery> | null;
  readonly #batches = new Fifo<readonly Delivery[]>();
  #slots = 0;
  /** Slots with nothing to do; null ends one. */
  readonly #parked: ((delivery: Delivery | null) => void)[] = [];
  readonly #sweeper: NodeJS.Timeout;
  readonly #pull: Pull;
  readonly emptied: Promise<void>;
  readonly stopped: Promise<void>;
  #stopping = false;
  #onEmptied: (() => void) | null = null;
  #onStopped: (() => void) | null = null;
  #onIdle: (() => void) | null = null;

  /** Starts at once. */
  constructor(settings: JobConsumerSettings) {
    this.#settings = settings;
    const { job, connection, mode, now, onEvent } = settings;
    this.emptied = new Promise((resolve) => {
      this.#onEmptied = resolve;
    });
    this.stopped = new Promise((resolve) => {
      this.#onStopped = resolve;
    });
    this.#handling = new Handling(settings, {
      left: (delivery) => this.#left(delivery),
      acknowledged: () => this.#released(),
    });
    this.#leases = new Leases(settings, {
      renewed: () => onEvent({ type: "lease_renewed", job: job.name }),
      lost: (delivery) => this.#handling.lost(delivery),
    });
    this.#sweeper = setInterval(() => this.#handling.expire(), SWEEP_EVERY_MS);
    this.#queue = new PQueue({ concurrency: job.concurrency });
    this.#collector =
      job.handler.kind === "batch" ? new BatchCollector(job.handler, after, (batch) => this.#takeBatch(batch)) : null;
    this.#tokens = job.rate === null ? null : new TokenBucket(job.rate);
    this.#pull = new Pull(
      connection,
      { stream: job.stream, durable: job.durable, prefetch: () => this.prefetch, noWait: mode === "drain" },
      {
        delivered: (delivery) => this.#take(delivery),
        exhausted: (nothing) => this.#exhausted(nothing),
        trouble: (detail) => onEvent({ type: "pull_trouble", job: job.name, detail }),
        returned: (delivery) => this.#returned(delivery),
      },
      now,
    );
  }

  get job(): JobConsumerSettings["job"] {
    return this.#settings.job;
  }

  get held(): number {
    return this.#pull.held + this.#handling.acknowledging;
  }

  /** Runs under way. */
  get running(): number {
    return this.#handling.running;
  }

  /** Most messages held or asked for right now. */
  get prefetch(): number {
    const { concurrency, ackWaitMs, rate, handler } = this.job; // asked for each message that leaves: no copy of the job
    const perSlot = handler.kind === "batch" ? handler.maxMessages : 1;
    return prefetchOf({ concurrency, ackWaitMs, rate, lagMs: this.#settings.lagMs() }) * perSlot;
  }

  /** Messages of this job have no keys. */
  get heldBack(): number {
    return 0;
  }

  get trouble(): string | null {
    const { trouble } = this.#pull;
    return trouble === null ? null : `job ${this.job.name}: ${trouble}`;
  }

  get isPaused(): boolean {
    return this.#pull.isPaused;
  }

  disconnected(): void {
    this.#pull.disconnected();
  }

  reconnected(): void {
    this.#pull.reconnected();
  }

  /** Takes no more messages until `resume`, and gives back what waits; what runs may end. */
  pause(): void {
    this.#pull.pause();
    this.#giveBackWaiting();
    if (this.#settings.mode === "drain" && this.held === 0) this.#onEmptied?.();
  }

  resume(): void {
    void this.#pull.resume();
  }

  /**
   * Stops within `deadlineMs`: no more pulling, what waits is given back, running jobs may end, what cannot is given back too.
   * Resolves with the number of messages that are still unsettled then: they come again when their lease is over.
   */
  async stop(deadlineMs: number): Promise<number> {
    this.#stopping = true;
    this.#handling.stop();
    const started = this.#settings.now();
    const left = (share: number): number => Math.max(0, deadlineMs * share - (this.#settings.now() - started));
    const closed = this.#pull.close();
    this.#giveBackWaiting();
    await within(closed, left(1));
    await within(this.#idle(), left(SHARE_FOR_RUNS));
    this.#handling.abort();
    await within(this.#idle(), left(1));
    clearInterval(this.#sweeper);
    this.#leases.close();
    for (const parked of this.#parked.splice(0)) parked(null);
    this.#onStopped?.();
    return this.held;
  }

  #take(delivery: Delivery): void {
    this.#settings.onEvent({ type: "received", job: this.job.name });
    this.#leases.hold(delivery);
    if (this.#collector !== null) {
      const batch = this.#collector.add(delivery);
      if (batch !== null) this.#takeBatch(batch);
      return;
    }
    const parked = this.#parked.pop();
    if (parked !== undefined) {
      parked(delivery);
      return;
    }
    this.#waiting.push(delivery); // whoever is done next takes it
    if (this.#slots === this.#settings.job.concurrency) return;
    this.#slots += 1;
    void this.#queue.add(() => this.#occupySlot());
  }

  /** A batch is a task of the queue: there are few of them. */
  #takeBatch(batch: readonly Delivery[]): void {
    this.#batches.push(batch);
    void this.#queue.add(async () => {
      const next = this.#batches.shift(); // none when it was given back
      if (next !== undefined) await this.#processBatch(next);
    });
  }

  async #processBatch(batch: readonly Delivery[]): Promise<void> {
    const { gate } = this.#settings;
    if (this.#tokens !== null) await this.#turn(this.#tokens);
    const held = batch.filter(({ isLost }) => !isLost);
    if (!this.#stopping && !this.isPaused) {
      await (gate === null ? this.#handling.handleBatch(held) : gate.add(() => this.#handleBatchNow(held)));
      return;
    }
    this.#giveBack(held);
  }

  async #handleBatchNow(held: readonly Delivery[]): Promise<void> {
    if (this.#stopping || this.isPaused) this.#giveBack(held);
    else await this.#handling.handleBatch(held);
  }

  #giveBack(held: readonly Delivery[]): void {
    for (const delivery of held) if (!delivery.isLost) void this.#handling.giveBack({ delivery, mark: null });
  }

  /**
   * One task of the queue: it works until the worker stops, and is parked while nothing waits. A task per message would
   * cost a fifth of the CPU time of a short job.
   */
  async #occupySlot(): Promise<void> {
    for (;;) {
      const delivery = this.#waiting.shift() ?? (await this.#park());
      if (delivery === null) return;
      if (delivery.isLost) continue;
      if (this.#stopping) void this.#handling.giveBack({ delivery, mark: null });
      else await this.#process(delivery);
    }
  }

  #park(): Promise<Delivery | null> {
    return new Promise((resolve) => this.#parked.push(resolve));
  }

  #process(delivery: Delivery): Promise<void> {
    const { gate } = this.#settings;
    if (this.#tokens !== null) return this.#processInTime(delivery, this.#tokens);
    return gate === null ? this.#handling.handle(delivery) : gate.add(() => this.#handleNow(delivery));
  }

  /** While it waited at the gate, or for its turn, the job may have been paused or told to stop. */
  async #handleNow(delivery: Delivery): Promise<void> {
    if (this.#stopping || this.isPaused) this.#giveBack([delivery]);
    else await this.#handling.handle(delivery);
  }

  /** Its lease is kept while it waits for its turn. */
  async #processInTime(delivery: Delivery, tokens: TokenBucket): Promise<void> {
    const { gate } = this.#settings;
    await this.#turn(tokens);
    if (delivery.isLost) return;
    await (gate === null || this.#stopping ? this.#handleNow(delivery) : gate.add(() => this.#handleNow(delivery)));
  }

  async #turn(tokens: TokenBucket): Promise<void> {
    const { now } = this.#settings;
    const dueAt = now() + tokens.take(now());
    for (let left = dueAt - now(); left > 0 && !this.#stopping; left = dueAt - now()) await pause(Math.min(left, 100));
  }

  #giveBackWaiting(): void {
    for (const delivery of this.#collector?.take() ?? []) this.#waiting.push(delivery);
    for (let batch = this.#batches.shift(); batch !== undefined; batch = this.#batches.shift()) {
      for (const delivery of batch) this.#waiting.push(delivery);
    }
    for (let delivery = this.#waiting.shift(); delivery !== undefined; delivery = this.#waiting.shift()) {
      if (!delivery.isLost) void this.#handling.giveBack({ delivery, mark: null });
    }
  }

  #returned({ timestampMs, streamSequence }: Delivery): void {
    const { onEvent, job, wallNow } = this.#settings;
    const parting = { outcome: "returned", reason: "", timestampMs, streamSequence } as const;
    onEvent(settledEvent(job.name, parting, wallNow()));
  }

  #left(delivery: Delivery): void {
    this.#leases.release(delivery);
    this.#pull.release();
    this.#released();
  }

  #released(): void {
    if (this.held > 0) return;
    this.#onIdle?.();
    if (this.#settings.mode === "drain" && this.isPaused) this.#onEmptied?.();
    this.#pull.again(); // a drain asks whether that was the last
  }

  /** Resolves once nothing is held. */
  #idle(): Promise<void> {
    if (this.held === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onIdle = resolve;
    });
  }

  /** Asked once more when nothing is held any longer, so an empty answer then is the end. */
  #exhausted(nothing: boolean): void {
    if (nothing && this.#collector !== null && this.#collector.size > 0) this.#takeBatch(this.#collector.take());
    if (!nothing) this.#pull.again();
    else if (this.held === 0) this.#onEmptied?.();
  }
}

function after(delayMs: number, callback: () => void): () => void {
  const timer = setTimeout(callback, delayMs);
  return () => clearTimeout(timer);
}
