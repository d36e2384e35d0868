/** Who owns which partition, as one worker sees it. What others see may be older or newer; leases settle who is right. */
export interface PartitionView {
  readonly self: string;
  /** Workers that are alive, this one included. */
  readonly workers: readonly string[];
  /** By partition: the worker that owns it; null when it may be taken. */
  readonly owners: readonly (string | null)[];
}

export interface PartitionPlan {
  /** Free partitions to take. */
  readonly take: readonly number[];
  /** Own partitions to hand over. */
  readonly release: readonly number[];
}

/**
 * What a worker should do so that all own equally many, or one more. The extra ones go to those who have most already:
 * then nothing moves that need not. `offset` (any number) is where to begin taking, so that contenders rarely meet.
 */
export function planPartitions(view: PartitionView, offset: number): PartitionPlan {
  const { self, owners } = view;
  const own = partitionsOf(owners, self);
  const share = shareOf(view);
  if (own.length > share) return { take: [], release: own.slice(share) };
  const free = partitionsOf(owners, null);
  const start = free.length === 0 ? 0 : offset % free.length;
  return { take: [...free.slice(start), ...free.slice(0, start)].slice(0, share - own.length), release: [] };
}

/** How many partitions the worker should own. Over all workers the shares add up to all partitions. */
export function shareOf({ self, workers, owners }: PartitionView): number {
  const alive = [...new Set([...workers, self])];
  const held = new Map(alive.map((worker) => [worker, partitionsOf(owners, worker).length]));
  const ranked = alive.sort((a, b) => (held.get(b) ?? 0) - (held.get(a) ?? 0) || (a < b ? -1 : 1));
  const extra = ranked.indexOf(self) < owners.length % alive.length ? 1 : 0;
  return Math.floor(owners.length / alive.length) + extra;
}

function partitionsOf(owners: PartitionView["owners"], worker: string | null): number[] {
  return owners.flatMap((owner, partition) => (owner === worker ? [partition] : []));
}
