import type { Config } from "../schema.ts";

/** What the checks look at: the entries the schema accepted. */
export interface Scope {
  readonly config: Config;
  /** False when the schema refused `trust`: what stands there then is a placeholder, and nothing is concluded from it. */
  readonly isTrustKnown: boolean;
}

/** Every unordered pair of a list, once. */
export function pairs<T>(list: readonly T[]): (readonly [T, T])[] {
  return list.flatMap((first, index) => list.slice(index + 1).map((second) => [first, second] as const));
}
