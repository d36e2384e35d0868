/** Cumulative counts by upper bound, in the histogram's unit. */
export type Buckets = ReadonlyMap<number, number>;

/** What was counted between two looks at one histogram. */
export function bucketsSince(now: Buckets, before: Buckets): Buckets {
  return new Map([...now].map(([bound, count]) => [bound, count - (before.get(bound) ?? 0)]));
}

/** The value below which `share` of the observations lie: linear within the bucket; null without observations. */
export function quantile(buckets: Buckets, share: number): number | null {
  const ascending = [...buckets].sort(([a], [b]) => a - b);
  const wanted = (ascending.at(-1)?.[1] ?? 0) * share;
  if (wanted === 0) return null;
  let lower = 0;
  let below = 0;
  for (const [bound, cumulative] of ascending) {
    if (cumulative >= wanted) {
      if (!Number.isFinite(bound)) return lower;
      return lower + ((bound - lower) * (wanted - below)) / (cumulative - below);
    }
    lower = bound;
    below = cumulative;
  }
  return lower;
}
