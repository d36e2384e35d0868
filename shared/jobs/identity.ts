/** Where a message is stored, and since when. */
export interface Place {
  /** Name on the server. */
  readonly stream: string;
  readonly sequence: number;
  /** Milliseconds since 1970, by the server's clock. */
  readonly storedAtMs: number;
}

/** Names a message that has no id by its place. With the time: a stream that is made anew counts from 1 again. */
export function placeText({ stream, sequence, storedAtMs }: Place): string {
  return `${stream}:${sequence}:${storedAtMs}`;
}

/** A header's count of lives or runs; 0 for what is none. */
export function countIn(header: string): number {
  return /^\d{1,9}$/.test(header) ? Number(header) : 0;
}
