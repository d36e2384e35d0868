import { printable } from "../../shared/choria/refusal.ts";

const LONGEST = 200;

/** Text that others wrote (a subject, a host, a name in a bucket) on one line, harmless to a terminal. */
export function safeText(text: string, longest = LONGEST): string {
  return printable(text, longest);
}

/** `12,345`. */
export function countText(count: number): string {
  return Math.round(count).toLocaleString("en-US");
}

const UNITS = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
] as const;

/** A span as people say it, in its two largest units: `3d 4h`, `2m 5s`, `1.2s`, `12ms`. */
export function spanText(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)}ms`;
  if (ms < 10_000) return `${(ms / 1_000).toFixed(1)}s`;
  const first = UNITS.findIndex(([, size]) => ms >= size);
  const [unit, size] = UNITS[first] ?? ["s", 1_000];
  const next = UNITS[first + 1];
  const rest = next === undefined ? 0 : Math.floor((ms % size) / next[1]);
  return rest === 0 || next === undefined
    ? `${Math.floor(ms / size)}${unit}`
    : `${Math.floor(ms / size)}${unit} ${rest}${next[0]}`;
}

/** Columns as wide as their widest cell, two spaces apart. */
export function tableText(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? "").length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
