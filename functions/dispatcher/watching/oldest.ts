/** The oldest message that was not handed over when it was asked for. */
export interface OldestMessage {
  readonly sequence: number;
  /** By the server's clock, milliseconds since 1970. */
  readonly storedAt: number;
  /** When we first saw it as the oldest, monotonic milliseconds. */
  readonly seenAt: number;
}

export interface Clocks {
  /** Monotonic milliseconds. */
  readonly now: number;
  /** Milliseconds since 1970. */
  readonly wallNow: number;
}

/**
 * How old the oldest message is. Our clock and the server's may differ, so what we saw ourselves bounds the answer: it is
 * no younger than since we saw it first, and no older than since we saw nothing pending (`emptyAt`, null: never).
 */
export function ageOf(oldest: OldestMessage, emptyAt: number | null, { now, wallNow }: Clocks): number {
  const mostMs = emptyAt === null ? Number.POSITIVE_INFINITY : now - emptyAt;
  return Math.max(0, now - oldest.seenAt, Math.min(wallNow - oldest.storedAt, mostMs));
}
