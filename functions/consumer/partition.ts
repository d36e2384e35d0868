import { setTimeout as pause } from "node:timers/promises";
import type { Delivery } from "../../shared/jetstream/delivery.ts";
import type { Lease } from "../../shared/jetstream/lease.ts";
import type { Manager } from "../../shared/jetstream/manager.ts";
import {
  deliveriesOf,
  openPartitionConsumer,
  type PartitionSettings as PartitionPlace,
  removePartitionConsumer,
} from "../../shared/jetstream/partition-consumer.ts";
import { Pull } from "../../shared/jetstream/pull.ts";
import { type Keyed, KeyQueue } from "../../shared/jobs/key-queue.ts";
import { within } from "../../shared/time/within.ts";
import type { PartitionChange } from "./events.ts";
import { KeyedRuns, type KeyedRunsSettings, type Verdict } from "./keyed-runs.ts";

/** What the partitions of a job have in common. */
export interface PartitionSettings extends KeyedRunsSettings {
  readonly mode: "worker" | "drain";
  readonly jsm: Manager;
  /** Messages that may wait behind others of their keys; beyond it nothing is pulled. */
  readonly backlog: number;
  readonly leaseMs: number;
  /** Messages that may run now and are wanted in hand; 0 while the job is paused. */
  readonly wanted: () => number;
  readonly keyOf: (delivery: Delivery) => string;
}

export interface PartitionObserver {
  /** One more key has a message that may run. */
  ready(partition: Partition): void;
  /** Its consumer cannot be made: others may have more luck. */
  failed(partition: Partition, why: string): void;
  /** A drain has settled everything that it could. */
  emptied(partition: Partition): void;
  /** Nothing is running any more, and nothing will. Called once. */
  ended(partition: Partition): void;
}

const RENEW_AT = 1 / 3;
const RENEW_AGAIN_AT = 1 / 20;
const OPEN_AGAIN_MS = 500;
const MOST_OPENS = 3;
/** For what was told to stop to do so. */
const ABORT_MS = 1_000;

/**
 * A partition that this worker owns: its lease, its consumer, and its messages by key.
 *
 * The server is the only one that knows the order, and a delivery that is lost on its way would come again after its
 * successors. So deliveries are counted: at a gap, or at one that comes again, everything in hand is dropped and the server
 * made to begin anew with the oldest message that is not settled.
 */
export class Partition {
  readonly place: PartitionPlace;
  readonly #settings: PartitionSettings;
  readonly #observer: PartitionObserver;
  readonly #lease: Lease;
  readonly #queue = new KeyQueue<Delivery>();
  readonly #runs: KeyedRuns;
  #durable = "";
  #pull: Pull | null = null;
  /** Deliveries received of this consumer. */
  #received = 0;
  #isPaused = false;
  #restarting = true;
  /** Somebody removed the consumer, and with it every delivery in hand. */
  #isConsumerGone = false;
  #leaving = false;
  #over = false;
  #hasEnded = false;
  #onIdle: (() => void) | null = null;

  /** Starts at once. */
  constructor(
    settings: PartitionSettings,
    { place, lease }: { place: PartitionPlace; lease: Lease },
    observer: PartitionObserver,
  ) {
    this.#settings = settings;
    this.place = place;
    this.#lease = lease;
    this.#observer = observer;
    this.#runs = new KeyedRuns(settings, {
      isMine: () => this.isMine && !this.#isConsumerGone,
      deliveredUpTo: () => lease.record.deliveredUpTo,
    });
    this.#tell("taken");
    void this.#renew();
    void this.#open();
  }

  /** Messages in hand. */
  get held(): number {
    return this.#queue.size;
  }

  get heldBack(): number {
    return this.#queue.blocked;
  }

  get running(): number {
    return this.#runs.running;
  }

  get trouble(): string | null {
    return this.#pull?.trouble ?? null;
  }

  /** It is being handed over, or is lost: it counts as nobody's until it has ended. */
  get isLeaving(): boolean {
    return this.#leaving || this.#over;
  }

  get isMine(): boolean {
    return !this.#over && this.#lease.isHeld;
  }

  /** The next message to run, if there is one now; `handle` must follow. */
  next(): Keyed<Delivery> | null {
    return this.#restarting || this.#leaving || !this.isMine ? null : this.#queue.next();
  }

  /** Runs a message. Resolves when its slot is free; its settlement goes on. Never rejects. */
  handle({ key, message }: Keyed<Delivery>): Promise<void> {
    return new Promise((resolve) => {
      void this.#runs.handle(message, resolve).then((verdict) => {
        this.#apply(key, verdict);
        resolve();
      });
    });
  }

  /** Called now and then: ends runs that take too long, lets held keys run again, and notices that the lease is over. */
  sweep(): void {
    if (this.#over) return;
    if (!this.#lease.isHeld) this.#lose();
    this.#runs.expire();
    this.#changing(() => this.#queue.release(this.#settings.now()));
  }

  /** There may be room for more, or something to pull again. */
  again(): void {
    this.#pull?.again();
  }

  disconnected(): void {
    this.#pull?.disconnected();
  }

  /** What was under way when the connection broke is lost without a trace, unless it is asked for. */
  reconnected(): void {
    this.#pull?.reconnected();
    void this.#verify();
  }

  /** Hands the partition over: what runs may end within `graceMs`, then is given back; the next owner may begin at once. */
  async leave(graceMs: number): Promise<void> {
    if (this.#leaving) return;
    this.#leaving = true;
    await this.#stopPulling();
    this.#dropWaiting();
    await within(this.#idle(), graceMs);
    this.#runs.stop();
    this.#runs.abort();
    await within(this.#idle(), ABORT_MS);
    if (!this.isMine) return;
    const { jsm } = this.#settings;
    const isGone = this.#durable !== "" && (await removePartitionConsumer(jsm, this.place, this.#durable));
    const deliveredUpTo = Math.max(this.#lease.record.deliveredUpTo, this.#runs.startedUpTo);
    await this.#lease.release(isGone ? { consumer: "", deliveredUpTo } : {});
    this.#over = true;
    this.#tell("released");
    this.#end();
  }

  async #renew(): Promise<void> {
    const { leaseMs } = this.#settings;
    while (!this.#over && this.#lease.isHeld) {
      const isConfirmed = await this.#lease.renew();
      await pause(leaseMs * (isConfirmed ? RENEW_AT : RENEW_AGAIN_AT), null, { ref: false });
    }
  }

  #lose(): void {
    this.#over = true;
    this.#dropWaiting();
    this.#runs.lose();
    this.#tell("lost");
    void this.#stopPulling()
      .then(() => this.#idle())
      .then(() => this.#end());
  }

  /** Makes the consumer and begins to pull; tries until that succeeds or the partition is not ours any more. */
  async #open(): Promise<void> {
    const { jsm } = this.#settings;
    for (let failures = 0; this.isMine && !this.#leaving; await pause(OPEN_AGAIN_MS)) {
      try {
        const durable = await openPartitionConsumer(jsm, this.place, this.#lease);
        if (durable !== null) {
          this.#begin(durable);
          return;
        }
      } catch (error) {
        const why = `partition ${this.place.partition}: ${error instanceof Error ? error.message : String(error)}`;
        this.#settings.onEvent({ type: "pull_trouble", job: this.place.job, detail: why });
        failures += 1;
        if (failures === MOST_OPENS) this.#observer.failed(this, why);
      }
    }
  }

  #begin(durable: string): void {
    this.#durable = durable;
    if (this.#leaving || this.#over) return;
    const { connection, mode, now } = this.#settings;
    this.#received = 0;
    this.#restarting = false;
    this.#isConsumerGone = false;
    this.#pull = new Pull(
      connection,
      { stream: this.place.stream, durable, prefetch: () => this.#room(), noWait: mode === "drain" },
      {
        delivered: (delivery) => this.#take(delivery),
        exhausted: (nothing) => this.#exhausted(nothing),
        trouble: (detail) => this.#pullTrouble(detail),
        returned: () => {},
      },
      now,
    );
  }

  /** Only what may run now counts: what waits behind it is bounded by the backlog. */
  #room(): number {
    if (this.#restarting || this.#isPaused) return 0;
    return Math.max(0, this.#settings.wanted() - this.#queue.ready - this.#queue.running);
  }

  #take(delivery: Delivery): void {
    this.#received += 1;
    if (this.#restarting || this.#leaving || this.#over) return;
    if (delivery.deliveryCount > 1 || delivery.consumerSequence !== this.#received) {
      void this.#restart();
      return;
    }
    this.#settings.onEvent({ type: "received", job: this.place.job });
    this.#changing(() => this.#queue.push(this.#settings.keyOf(delivery), delivery));
    this.#pull?.release(); // in hand, but it takes no room of the pull: `#room` counts
  }

  #apply(key: string, verdict: Verdict): void {
    if (verdict.type === "held" && !this.#restarting && !this.#leaving && !this.#over) {
      this.#queue.hold(key, verdict.untilMs);
    } else {
      this.#changing(() => this.#queue.done(key)); // of what is over nothing is left behind it
    }
    if (this.#queue.size === 0) this.#onIdle?.();
    this.#pull?.again();
    // A drain whose backlog is full of keys that wait can neither run nor pull anything.
    if (this.#settings.mode === "drain" && this.#isPaused && this.#isStill) this.#observer.emptied(this);
  }

  /** Nothing runs, and nothing may. */
  get #isStill(): boolean {
    return this.#queue.ready + this.#queue.running === 0;
  }

  /** Reports keys that became ready, and the pauses of a full backlog. */
  #changing(change: () => void): void {
    const before = this.#queue.ready;
    change();
    const added = this.#queue.ready - before; // now: telling may take some of them at once
    for (let told = 0; told < added; told++) this.#observer.ready(this);
    const { blocked } = this.#queue;
    const { backlog } = this.#settings;
    if (!this.#isPaused && blocked >= backlog) this.#setPaused(true);
    else if (this.#isPaused && blocked <= backlog / 2) this.#setPaused(false);
  }

  #setPaused(isPaused: boolean): void {
    this.#isPaused = isPaused;
    this.#tell(isPaused ? "paused" : "resumed");
    if (!isPaused) this.#pull?.again();
  }

  /** Asked once more when nothing can run any longer, so an empty answer then is the end. */
  #exhausted(nothing: boolean): void {
    if (!nothing) this.#pull?.again();
    else if (this.#isStill) this.#observer.emptied(this);
  }

  #pullTrouble(detail: string): void {
    this.#settings.onEvent({ type: "pull_trouble", job: this.place.job, detail });
    void this.#verify();
  }

  /** Begins anew when the consumer is gone, or has handed over more than has come. */
  async #verify(): Promise<void> {
    const durable = this.#durable;
    const { connection, jsm } = this.#settings;
    try {
      const delivered = await deliveriesOf(jsm, this.place, durable);
      await connection.flush(); // what was on its way is here now
      if (durable !== this.#durable || this.#restarting) return;
      this.#isConsumerGone = delivered === null;
      if (delivered === null || delivered > this.#received) await this.#restart();
    } catch {
      // no answer: the connection is lost again, or the pull will say so
    }
  }

  async #restart(): Promise<void> {
    if (this.#restarting || this.#leaving || this.#over) return;
    this.#restarting = true;
    this.#tell("restarted");
    await this.#stopPulling();
    this.#dropWaiting();
    await this.#idle();
    while (this.isMine && !this.#leaving && !(await this.#lease.nextEpoch())) await pause(OPEN_AGAIN_MS);
    await this.#open();
  }

  async #stopPulling(): Promise<void> {
    const pull = this.#pull;
    this.#pull = null;
    await pull?.close();
  }

  /** The server hands them over again, to whoever makes the next consumer. */
  #dropWaiting(): void {
    for (const delivery of this.#queue.clear()) delivery.isLost = true;
    if (this.#isPaused) this.#setPaused(false);
  }

  /** Resolves once nothing is in hand. */
  #idle(): Promise<void> {
    if (this.#queue.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const before = this.#onIdle;
      this.#onIdle = () => {
        before?.();
        resolve();
      };
    });
  }

  #end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#observer.ended(this);
  }

  #tell(change: PartitionChange): void {
    const { job, partition } = this.place;
    this.#settings.onEvent({ type: "partition", job, partition, change });
  }
}
