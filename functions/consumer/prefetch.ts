import type { RateLimit } from "../../shared/jobs/token-bucket.ts";

export interface PrefetchFacts {
  /** Runs at the same time. */
  readonly concurrency: number;
  readonly ackWaitMs: number;
  readonly rate: RateLimit | null;
  /** The longest the event loop was held up of late, milliseconds. */
  readonly lagMs: number;
}

/** One message running, one ready to follow it. */
const HELD_PER_SLOT = 2;
/** An event loop that was held up for this share of a lease could miss one renewal of it; for the second, all. */
const LAG_THAT_WORRIES = 1 / 6;
const LAG_THAT_THREATENS = 1 / 3;

/**
 * Most messages a job holds or has asked for. Every one in hand needs its lease renewed in time: when the event loop is held
 * up, or runs start slowly by intent, more of them would only be kept from other workers.
 */
export function prefetchOf({ concurrency, ackWaitMs, rate, lagMs }: PrefetchFacts): number {
  if (lagMs >= ackWaitMs * LAG_THAT_THREATENS) return 1;
  if (lagMs >= ackWaitMs * LAG_THAT_WORRIES) return concurrency;
  const most = concurrency * HELD_PER_SLOT;
  return rate === null ? most : Math.min(most, Math.ceil(rate.perSecond) + rate.burst);
}
