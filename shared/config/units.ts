import * as z from "zod";

const DURATION_UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

const SIZE_UNITS: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1_000,
  MB: 1_000_000,
  GB: 1_000_000_000,
  KiB: 1_024,
  MiB: 1_048_576,
  GiB: 1_073_741_824,
};

function measure(text: string, units: Readonly<Record<string, number>>): number | null {
  const match = /^(\d+(?:\.\d+)?)\s*([A-Za-z]+)$/.exec(text);
  const unit = match?.[2];
  if (match === null || unit === undefined || !Object.hasOwn(units, unit)) return null;
  return Math.round(Number(match[1]) * (units[unit] ?? 0));
}

/** A time span such as `500ms`, `30s`, `5m`, `2h` or `7d`; parsed to milliseconds. */
export const duration = () =>
  z
    .string()
    .refine((text) => measure(text, DURATION_UNITS) !== null, {
      error: 'must be a duration such as "500ms", "30s", "5m", "2h" or "7d"',
    })
    .transform((text) => measure(text, DURATION_UNITS) ?? 0)
    .meta({ unit: "duration" });

/** An amount of bytes such as `512KiB`, `64MiB` or `1GB`; parsed to bytes. */
export const size = () =>
  z
    .string()
    .refine((text) => measure(text, SIZE_UNITS) !== null, {
      error: 'must be a size such as "512KiB", "64MiB" or "1GB"',
    })
    .transform((text) => measure(text, SIZE_UNITS) ?? 0)
    .meta({ unit: "size" });

/** Milliseconds as they would be written: `90000` as `90s`, `120000` as `2m`. */
export function durationText(ms: number): string {
  return unitText(ms, DURATION_UNITS);
}

/** Bytes as they would be written: `1073741824` as `1GiB`. */
export function sizeText(bytes: number): string {
  return unitText(bytes, SIZE_UNITS);
}

/** In the largest unit that leaves a whole number. */
function unitText(amount: number, units: Readonly<Record<string, number>>): string {
  const fitting = Object.entries(units).filter(([, size]) => amount >= size && amount % size === 0);
  const [unit, size] = fitting.reduce((best, next) => (next[1] > best[1] ? next : best), smallest(units));
  return `${amount / size}${unit}`;
}

function smallest(units: Readonly<Record<string, number>>): [string, number] {
  return Object.entries(units).find(([, size]) => size === 1) ?? ["", 1];
}
