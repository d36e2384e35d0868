import { setTimeout as pause } from "node:timers/promises";
import PQueue from "p-queue";
import { Fifo } from "../../shared/jetstream/fifo.ts";
import { Lease, type LeaseSettings, LeaseSightings } from "../../shared/jetstream/lease.ts";
import { LeaseStore } from "../../shared/jetstream/lease-store.ts";
import type { Presence } from "../../shared/jetstream/presence.ts";
import { planPartitions } from "../../shared/jobs/partitions.ts";
import { TokenBucket } from "../../shared/jobs/token-bucket.ts";
import { within } from "../../shared/time/within.ts";
import type { JobRunner } from "./consumer.ts";
import type { SharedLimits } from "./job-consumer.ts";
import { Partition, type PartitionSettings } from "./partition.ts";

export interface OrderedConsumerSettings extends Omit<PartitionSettings, "wanted">, SharedLimits {
  /** One per partition. */
  readonly filterSubjects: readonly string[];
  /** The bucket that holds who owns which partition. */
  readonly stateBucket: string;
  readonly presence: Presence;
  /** Unique per process. */
  readonly worker: string;
  readonly host: string;
  /** Messages the job's stream holds. Rejects when the server does not answer. */
  readonly messagesLeft: () => Promise<number>;
}

/** Share of a stop's time in which running jobs may still end by themselves; the rest is for giving back and settling. */
const SHARE_FOR_RUNS = 0.8;
/** How late a timeout, a held key or the end of a lease may be noticed. */
const SWEEP_EVERY_MS = 25;
/** Looks at all partitions in the length of a lease. */
const LOOKS_PER_LEASE = 6;
/** A partition that was given up is taken this much later at most: contenders spread. */
const SHARE_FOR_CONTENDING = 1 / 50;
const ANNOUNCE_AT = 1 / 3;
const REQUEST_AT = 1 / 6;
const SHORTEST_REQUEST_MS = 250;
/** Messages of a partition that may run and are in hand, where few slots or many partitions would make it less. */
const LEAST_WANTED = 32;

/**
 * Consumes a job whose messages keep their order per key. The stream's partitions are shared out evenly among the workers;
 * of those it owns, a worker runs as many keys at a time as the job has slots.
 */
export class OrderedConsumer implements JobRunner {
  readonly emptied: Promise<void>;
  readonly stopped: Promise<void>;
  readonly #settings: OrderedConsumerSettings;
  readonly #leases: LeaseSettings;
  readonly #sightings = new LeaseSightings();
  readonly #partitions = new Map<number, Partition>();
  /** Partitions that this drain has emptied. */
  readonly #drained = new Set<number>();
  readonly #queue: PQueue;
  readonly #tokens: TokenBucket | null;
  /** One entry per key that became ready, in that order. */
  readonly #ready = new Fifo<Partition>();
  readonly #sweeper: NodeJS.Timeout;
  readonly #forgetHints: () => void;
  /** Resolves when nothing is taken any more. */
  readonly #looking: Promise<void>;
  #isPaused = false;
  #stopping = false;
  #trouble: string | null = null;
  /** Until then what cannot be consumed here is left to others. */
  #abstainUntil = Number.NEGATIVE_INFINITY;
  #announcedAt = Number.NEGATIVE_INFINITY;
  #wake: (() => void) | null = null;
  #onEmptied: (() => void) | null = null;
  #onStopped: (() => void) | null = null;

  /** Starts at once. */
  constructor(settings: OrderedConsumerSettings) {
    this.#settings = settings;
    const { job, connection, stateBucket, leaseMs, worker, host, now, wallNow } = settings;
    this.emptied = new Promise((resolve) => {
      this.#onEmptied = resolve;
    });
    this.stopped = new Promise((resolve) => {
      this.#onStopped = resolve;
    });
    const store = new LeaseStore(connection, stateBucket, Math.max(SHORTEST_REQUEST_MS, leaseMs * REQUEST_AT));
    this.#leases = { store, worker, host, leaseMs, now, wallNow };
    this.#queue = new PQueue({ concurrency: job.concurrency });
    this.#tokens = job.rate === null ? null : new TokenBucket(job.rate);
    this.#sweeper = setInterval(() => this.#sweep(), SWEEP_EVERY_MS);
    this.#forgetHints = store.onGivenUp(this.#topic, () => this.#wake?.());
    this.#looking = this.#look();
  }

  get job(): OrderedConsumerSettings["job"] {
    return this.#settings.job;
  }

  get held(): number {
    return this.#sum(({ held }) => held);
  }

  get running(): number {
    return this.#sum(({ running }) => running);
  }

  get heldBack(): number {
    return this.#sum(({ heldBack }) => heldBack);
  }

  /** Most messages that may run held or asked for right now, in all partitions. */
  get prefetch(): number {
    return this.#wanted() * this.#partitions.size;
  }

  get trouble(): string | null {
    for (const { trouble } of this.#partitions.values()) if (trouble !== null) return trouble;
    return this.#trouble;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  disconnected(): void {
    for (const partition of this.#partitions.values()) partition.disconnected();
  }

  reconnected(): void {
    for (const partition of this.#partitions.values()) partition.reconnected();
    this.#wake?.();
  }

  /** Begins no more runs and pulls nothing until `resume`. Partitions stay: whoever had them would be paused too. */
  pause(): void {
    this.#isPaused = true;
    this.#queue.pause();
    if (this.#settings.mode === "drain") this.#onEmptied?.();
  }

  resume(): void {
    this.#isPaused = false;
    this.#queue.start();
    for (const partition of this.#partitions.values()) partition.again();
  }

  /**
   * Stops within `deadlineMs`: running jobs may end, every partition is handed over. Resolves with the number of messages
   * that are still unsettled then: they come again when the lease of their partition is over.
   */
  async stop(deadlineMs: number): Promise<number> {
    this.#stopping = true;
    this.#wake?.();
    this.#forgetHints();
    await within(this.#looking, deadlineMs * (1 - SHARE_FOR_RUNS));
    void this.#settings.presence.withdraw(); // before the rest, so that others know that more is theirs
    const leaving = [...this.#partitions.values()].map((partition) => partition.leave(deadlineMs * SHARE_FOR_RUNS));
    await within(Promise.all(leaving), deadlineMs);
    clearInterval(this.#sweeper);
    this.#queue.clear();
    this.#onStopped?.();
    return this.held;
  }

  /** Looks at the partitions again and again, takes and hands over. */
  async #look(): Promise<void> {
    while (!this.#stopping) {
      try {
        if (this.#settings.now() >= this.#abstainUntil) {
          await (this.#settings.mode === "drain" ? this.#drain() : this.#share());
          this.#trouble = null;
        }
      } catch (error) {
        this.#trouble = `partitions: ${error instanceof Error ? error.message : String(error)}`;
      }
      await this.#rest();
    }
  }

  /** Until it is time to look again; sooner, though not at once, when a partition was given up. */
  async #rest(): Promise<void> {
    const { leaseMs, random } = this.#settings;
    const woken = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    if (this.#stopping) return;
    await within(woken, (leaseMs / LOOKS_PER_LEASE) * (0.8 + 0.4 * random()));
    if (!this.#stopping) await pause(leaseMs * SHARE_FOR_CONTENDING * random());
  }

  async #share(): Promise<void> {
    const { worker, presence, leaseMs, now, random } = this.#settings;
    if (now() - this.#announcedAt >= leaseMs * ANNOUNCE_AT) await this.#announce();
    const [workers] = await Promise.all([presence.alive(leaseMs, now()), this.#sight()]);
    const owners = this.#owners();
    const plan = planPartitions({ self: worker, workers, owners }, Math.floor(random() * owners.length));
    for (const number of plan.release) void this.#partitions.get(number)?.leave(leaseMs);
    await this.#take(plan.take);
  }

  async #announce(): Promise<void> {
    const { presence, now, wallNow } = this.#settings;
    const at = now();
    await presence.announce(wallNow());
    this.#announcedAt = at;
  }

  /** Takes what nobody has, each once; ends when all else is in other hands. */
  async #drain(): Promise<void> {
    const { messagesLeft } = this.#settings;
    if (this.#isPaused || (this.#partitions.size === 0 && (await messagesLeft()) === 0)) return this.#onEmptied?.();
    await this.#sight();
    const owners = this.#owners();
    await this.#take(owners.flatMap((owner, number) => (owner === null && !this.#drained.has(number) ? [number] : [])));
    if (this.#partitions.size > 0 || this.#stopping) return;
    // An owner that has not renewed before our eyes may be gone: its lease may end yet.
    const isOver = (number: number): boolean => this.#drained.has(number) || this.#sightings.isFresh(this.#key(number));
    if (owners.every((_, number) => isOver(number))) this.#onEmptied?.();
  }

  /** By partition: its owner; null when it may be taken. */
  #owners(): readonly (string | null)[] {
    const { filterSubjects, worker, leaseMs, now } = this.#settings;
    const at = now();
    return filterSubjects.map((_, number) => {
      const partition = this.#partitions.get(number);
      if (partition !== undefined) return partition.isLeaving ? "" : worker;
      const holder = this.#sightings.holder(this.#key(number), leaseMs, at);
      return holder === worker ? null : holder; // ours, but we do not know it: an answer was lost
    });
  }

  /** Reads the lease of each partition that is not ours. */
  async #sight(): Promise<void> {
    const { filterSubjects, now } = this.#settings;
    const reading = filterSubjects.map(async (_, number) => {
      if (this.#partitions.has(number)) return;
      const key = this.#key(number);
      this.#sightings.see(key, await this.#leases.store.read(key), now());
    });
    await Promise.all(reading);
  }

  async #take(numbers: readonly number[]): Promise<void> {
    await Promise.all(numbers.map((number) => this.#acquire(number)));
  }

  async #acquire(number: number): Promise<void> {
    const key = this.#key(number);
    const lease = await Lease.acquire(this.#leases, key, this.#sightings.stored(key));
    if (lease === null) return;
    if (this.#stopping) return lease.release();
    const { job, backlog, filterSubjects } = this.#settings;
    const place = {
      job: job.name,
      stream: job.stream,
      partition: number,
      filterSubject: filterSubjects[number] ?? "",
      maxAckPending: backlog + 2 * Math.max(LEAST_WANTED, job.concurrency),
    };
    const settings = { ...this.#settings, wanted: () => this.#wanted() };
    const observer = {
      ready: (partition: Partition) => this.#run(partition),
      failed: (partition: Partition, why: string) => this.#abstain(partition, why),
      emptied: (partition: Partition) => this.#emptied(number, partition),
      ended: () => this.#ended(number),
    };
    this.#partitions.set(number, new Partition(settings, { place, lease }, observer));
  }

  #abstain(partition: Partition, why: string): void {
    const { now, leaseMs, presence } = this.#settings;
    this.#trouble = why;
    this.#abstainUntil = now() + leaseMs;
    this.#announcedAt = Number.NEGATIVE_INFINITY;
    void presence.withdraw();
    void partition.leave(0);
  }

  #emptied(number: number, partition: Partition): void {
    this.#drained.add(number);
    void partition.leave(0);
  }

  #ended(number: number): void {
    this.#partitions.delete(number);
    this.#wake?.();
  }

  /** A key has a message to run. */
  #run(partition: Partition): void {
    this.#ready.push(partition);
    void this.#queue.add(() => this.#occupySlot());
  }

  async #occupySlot(): Promise<void> {
    const { now, gate } = this.#settings;
    if (this.#tokens !== null) {
      const dueAt = now() + this.#tokens.take(now());
      for (let left = dueAt - now(); left > 0 && !this.#stopping; left = dueAt - now())
        await pause(Math.min(left, 100));
    }
    const partition = this.#ready.shift();
    if (partition === undefined) return;
    await (gate === null ? this.#runNext(partition) : gate.add(() => this.#runNext(partition)));
  }

  /** What to run is asked for last: while a slot waited at the gate, the job may have been paused, or the partition left. */
  async #runNext(partition: Partition): Promise<void> {
    if (this.#isPaused) {
      this.#run(partition);
      return;
    }
    const keyed = partition.next();
    if (keyed !== null) await partition.handle(keyed);
  }

  #wanted(): number {
    if (this.#isPaused) return 0;
    const { concurrency } = this.job;
    const share = Math.ceil((2 * concurrency) / Math.max(1, this.#partitions.size));
    return Math.max(share, Math.min(2 * concurrency, LEAST_WANTED));
  }

  #sweep(): void {
    for (const partition of this.#partitions.values()) partition.sweep();
  }

  #sum(of: (partition: Partition) => number): number {
    return [...this.#partitions.values()].reduce((sum, partition) => sum + of(partition), 0);
  }

  get #topic(): string {
    return `lease.${this.job.name}`;
  }

  #key(number: number): string {
    return `${this.#topic}.${number}`;
  }
}
