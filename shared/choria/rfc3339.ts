const NS_PER_SECOND = 1_000_000_000n;
const YEAR_ZERO_NS = -62_167_219_200n * NS_PER_SECOND;
const YEAR_10000_NS = 253_402_300_800n * NS_PER_SECOND;

/** Whether RFC 3339 can write the moment (nanoseconds since 1970): years 0 to 9999. */
export function isRepresentable(timeNs: bigint): boolean {
  return timeNs >= YEAR_ZERO_NS && timeNs < YEAR_10000_NS;
}

/** A representable moment as Go's RFC3339Nano in UTC: the fraction without trailing zeros, absent when zero. */
export function formatRfc3339(timeNs: bigint): string {
  const fractionNs = ((timeNs % NS_PER_SECOND) + NS_PER_SECOND) % NS_PER_SECOND;
  const seconds = (timeNs - fractionNs) / NS_PER_SECOND;
  const whole = new Date(Number(seconds) * 1_000).toISOString().slice(0, 19);
  if (fractionNs === 0n) return `${whole}Z`;
  const digits = fractionNs.toString().padStart(9, "0").replace(/0+$/, "");
  return `${whole}.${digits}Z`;
}

const RFC3339 = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/;

/** Nanoseconds since 1970 of an RFC 3339 time with up to nine fraction digits; null when it is none. */
export function parseRfc3339(text: string): bigint | null {
  const match = RFC3339.exec(text);
  const whole = match?.[1];
  if (match === null || whole === undefined || !isCalendarTime(whole)) return null;
  const wholeMs = Date.parse(`${whole}${match[3] ?? ""}`);
  if (Number.isNaN(wholeMs)) return null;
  const fraction = (match[2] ?? "").padEnd(9, "0");
  return BigInt(wholeMs) * 1_000_000n + BigInt(fraction);
}

/** `Date.parse` rolls 30 February over to March; a date that changes on the way there and back is none. */
function isCalendarTime(whole: string): boolean {
  const ms = Date.parse(`${whole}Z`);
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(whole);
}
