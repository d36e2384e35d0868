/** A source of numbers in [0, 1): seeded, so that a node looks the same in every run. */
export type Random = () => number;

/** mulberry32: small and fast; not for secrets. */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** FNV-1a of a name: the seed of what belongs to it. */
export function seedOf(name: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < name.length; at++) hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}

/** A whole number from `low` up to, and including, `high`. */
export const between = (random: Random, low: number, high: number): number =>
  low + Math.floor(random() * (high - low + 1));

export function pick<Values extends readonly [unknown, ...unknown[]]>(random: Random, values: Values): Values[number] {
  return values[Math.floor(random() * values.length)] ?? values[0];
}

/** Lower hex digits. */
export function hex(random: Random, digits: number): string {
  let text = "";
  while (text.length < digits) text += word(random).toString(16).padStart(8, "0");
  return text.slice(0, digits);
}

/** Base64 of as many random bytes. */
export function randomBase64(random: Random, bytes: number): string {
  return Buffer.from(hex(random, bytes * 2), "hex").toString("base64");
}

const word = (random: Random): number => Math.floor(random() * 4_294_967_296);
