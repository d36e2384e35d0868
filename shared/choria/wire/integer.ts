const INTEGER = /^-?(?:0|[1-9]\d{0,18})$/;
const MIN_INT64 = -(2n ** 63n);
const MAX_INT64 = 2n ** 63n - 1n;

/** The value of JSON digits that Go's decoder takes for an int64 (no fraction, no exponent); null otherwise. */
export function int64(digits: string | undefined): bigint | null {
  if (digits === undefined || !INTEGER.test(digits)) return null;
  const value = BigInt(digits);
  return value >= MIN_INT64 && value <= MAX_INT64 ? value : null;
}
