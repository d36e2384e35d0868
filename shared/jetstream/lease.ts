import { type LeaseRecord, type LeaseStore, NO_LEASE, type StoredLease } from "./lease-store.ts";

export interface LeaseSettings {
  readonly store: LeaseStore;
  /** Unique per process: another life of the same host is another worker. */
  readonly worker: string;
  readonly host: string;
  /** Who has not been heard for this long has lost it. */
  readonly leaseMs: number;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Milliseconds since 1970. */
  readonly wallNow: () => number;
}

/** Share of the lease after which a holder that was not confirmed stops: the rest is margin before others may begin. */
const SHARE_FOR_HOLDER = 2 / 3;

type Changes = Partial<Pick<LeaseRecord, "consumer" | "deliveredUpTo">>;

/**
 * A lease in a key-value bucket that this process holds. No clocks are compared: the holder counts from when it sent the
 * last renewal that was confirmed, and stops at two thirds; contenders count from when they saw that renewal, which is
 * later, and begin at the whole (`LeaseSightings`).
 */
export class Lease {
  readonly #settings: LeaseSettings;
  readonly #key: string;
  #stored: StoredLease;
  #epoch: number;
  /** When the last confirmed write was sent. */
  #confirmedAt: number;
  /** When the first write since was sent whose fate is unknown. */
  #unknownSince: number | null = null;
  /** One write at a time: each names the revision of the one before. */
  #writing: Promise<unknown> = Promise.resolve();
  #isOver = false;

  private constructor(settings: LeaseSettings, key: string, acquired: StoredLease, sentAt: number) {
    this.#settings = settings;
    this.#key = key;
    this.#stored = acquired;
    this.#epoch = acquired.revision;
    this.#confirmedAt = sentAt;
  }

  /** Takes a lease that is free as far as `seen` goes; null when somebody was faster. Rejects when the server is silent. */
  static async acquire(settings: LeaseSettings, key: string, seen: StoredLease): Promise<Lease | null> {
    const { store, worker, host, now, wallNow } = settings;
    const sentAt = now();
    const record = { ...seen.record, worker, host, at: new Date(wallNow()).toISOString() };
    const revision = await store.write(key, record, seen.revision);
    return revision === null ? null : new Lease(settings, key, { record, revision }, sentAt);
  }

  get key(): string {
    return this.#key;
  }

  /** Larger than that of every holder before. */
  get epoch(): number {
    return this.#epoch;
  }

  get record(): LeaseRecord {
    return this.#stored.record;
  }

  /** False as soon as another process may think it is free. It never becomes true again. */
  get isHeld(): boolean {
    const { now, leaseMs } = this.#settings;
    this.#isOver ||= now() - this.#confirmedAt >= leaseMs * SHARE_FOR_HOLDER;
    return !this.#isOver;
  }

  /** Confirms the lease, with changes to its record; false when it was not confirmed. Never rejects. */
  renew(changes: Changes = {}): Promise<boolean> {
    const renewed = this.#writing.then(() => this.#write({ ...this.record, ...changes, epoch: this.#epoch }));
    this.#writing = renewed;
    return renewed;
  }

  /** As `renew`, under a new epoch that is larger than `above` too; whoever took messages under the old one is told apart. */
  async nextEpoch(above = 0): Promise<boolean> {
    if (!(await this.renew())) return false;
    this.#epoch = Math.max(this.#stored.revision, this.#epoch + 1, above + 1);
    return true;
  }

  /** Gives it up, so that another takes it at once. If that fails it ends by itself. Never rejects. */
  async release(changes: Changes = {}): Promise<void> {
    const released = this.#writing.then(() =>
      this.#write({ ...this.record, ...changes, epoch: this.#epoch, worker: "" }),
    );
    this.#writing = released;
    await released;
    this.#isOver = true;
  }

  async #write(record: LeaseRecord, isSecond = false): Promise<boolean> {
    if (!this.isHeld) return false;
    const { store, now, wallNow } = this.#settings;
    const sentAt = now();
    try {
      const written = { ...record, at: new Date(wallNow()).toISOString() };
      const revision = await store.write(this.#key, written, this.#stored.revision);
      if (revision === null) return (await this.#reread()) && !isSecond && (await this.#write(record, true));
      this.#confirm({ record: written, revision }, sentAt);
      return this.isHeld;
    } catch {
      this.#unknownSince ??= sentAt;
      return false;
    }
  }

  /** Another write is in the way: another process's, or one of ours whose confirmation was lost. True when ours. */
  async #reread(): Promise<boolean> {
    const stored = await this.#settings.store.read(this.#key);
    if (stored.record.worker !== this.#settings.worker) {
      this.#isOver = true;
      return false;
    }
    this.#confirm(stored, this.#unknownSince ?? this.#confirmedAt);
    return true;
  }

  #confirm(stored: StoredLease, sentAt: number): void {
    this.#stored = stored;
    this.#confirmedAt = sentAt;
    this.#unknownSince = null;
  }
}

interface Sighting {
  readonly stored: StoredLease;
  /** Since when it has stood unchanged, by this process's clock. */
  readonly sinceMs: number;
  /** It has been seen to change: whoever wrote it is at work. */
  readonly isFresh: boolean;
}

/** What a process has seen of leases, and for how long they have stood unchanged. */
export class LeaseSightings {
  readonly #seen = new Map<string, Sighting>();

  see(key: string, stored: StoredLease, nowMs: number): void {
    const before = this.#seen.get(key);
    if (before?.stored.revision === stored.revision) return;
    this.#seen.set(key, { stored, sinceMs: nowMs, isFresh: before !== undefined });
  }

  stored(key: string): StoredLease {
    return this.#seen.get(key)?.stored ?? NO_LEASE;
  }

  /** Who holds it; null when it may be taken: never held, given up, or not renewed for the whole lease. */
  holder(key: string, leaseMs: number, nowMs: number): string | null {
    const seen = this.#seen.get(key);
    if (seen === undefined || seen.stored.record.worker === "") return null;
    return nowMs - seen.sinceMs >= leaseMs ? null : seen.stored.record.worker;
  }

  /** Its holder is known to be at work: it has renewed since it was first seen here. */
  isFresh(key: string): boolean {
    return this.#seen.get(key)?.isFresh ?? false;
  }
}
