import { doubled, type ScaleSettings } from "./settings.ts";

/**
 * How many drains Lambda runs of a job at a time, as its refusals told: reserved concurrency that is lower than what the
 * job may have, or that others use as well. Times in milliseconds.
 */
export interface Limit {
  readonly drains: number;
  /** One more is tried then. */
  readonly tryAt: number;
  /** Refusals in a row. */
  readonly times: number;
  /** The last one of `drains` was such a try, and was not refused so far. */
  readonly tried: boolean;
}

/** When another drain would be within the limit; long ago, when it is. */
export function limitedAt(limit: Limit | null, inFlight: number): number {
  return limit === null || inFlight < limit.drains ? Number.NEGATIVE_INFINITY : limit.tryAt;
}

/** A request was refused at `now` while `running` others were not. `atLeastMs`: no other try before this time is over. */
export function refused(
  limit: Limit | null,
  { now, running, atLeastMs }: { readonly now: number; readonly running: number; readonly atLeastMs: number },
  settings: ScaleSettings,
): Limit {
  const times = limit?.times ?? 0;
  const pauseMs = Math.max(Math.min(atLeastMs, settings.maxCoolDownMs), doubled(settings, times));
  return { drains: running, tryAt: now + pauseMs, times: times + 1, tried: false };
}

/** One more is started while `inFlight` run. */
export function withTry(limit: Limit | null, inFlight: number, now: number, settings: ScaleSettings): Limit | null {
  if (limit === null || inFlight < limit.drains) return limit;
  // The one before was not refused: more may run than it looked like, and how many is learned anew.
  return limit.tried ? null : { ...limit, drains: inFlight + 1, tryAt: now + settings.rampUpMs, tried: true };
}

/** A limit that nobody came up to for long is none. */
export function unlessOld(limit: Limit | null, now: number, { maxCoolDownMs }: ScaleSettings): Limit | null {
  return limit === null || now >= limit.tryAt + maxCoolDownMs ? null : limit;
}
