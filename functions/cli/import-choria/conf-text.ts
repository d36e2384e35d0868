import { Buffer } from "node:buffer";

/** A line `key = value` of a go-choria configuration file. */
export interface Setting {
  /** In full: in plugin.d/choria.cfg the line `adapters = a` is `plugin.choria.adapters`. */
  readonly key: string;
  readonly value: string;
  readonly file: string;
  /** From 1. */
  readonly line: number;
}

/** What go-choria makes of a line in a way its writer may not have meant. */
export interface Oddity {
  readonly file: string;
  readonly line: number;
  readonly text: string;
}

export interface ConfText {
  readonly settings: readonly Setting[];
  readonly oddities: readonly Oddity[];
}

/** Go's `unicode.IsSpace`; JavaScript's own `trim` knows U+FEFF and not U+0085. */
const SPACE = "[\\t-\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]+";
const AROUND = new RegExp(`^${SPACE}|${SPACE}$`, "g");
/** Go's `\s` is ASCII. */
const ITEM = /(.+?)[\t\n\f\r ]*=[\t\n\f\r ]*(.+)/s;
/** bufio.Scanner ends at a longer line, without an error that go-choria would look at. */
const LONGEST_LINE_BYTES = 65_536;

/**
 * Reads a file as go-choria v0.29.4 does (config/util.go `parseConfigContents`): lines `key = value`, `#` at the beginning of
 * a line makes it a comment, and whatever else is there is passed over. `prefix` stands before the keys of plugin.d files.
 */
export function parseConfText(text: string, file: string, prefix = ""): ConfText {
  const settings: Setting[] = [];
  const oddities: Oddity[] = [];
  for (const [index, raw] of text.split("\n").entries()) {
    const line = index + 1;
    const odd = (problem: string) => void oddities.push({ file, line, text: problem });
    if (Buffer.byteLength(raw) >= LONGEST_LINE_BYTES) {
      odd("is longer than 64 KiB: go-choria reads no further, and neither is anything taken from there on");
      break;
    }
    const trimmed = raw.replace(AROUND, "");
    if (trimmed === "" || trimmed.startsWith("#")) continue;
    const [, key, value] = ITEM.exec(trimmed) ?? [];
    if (key === undefined || value === undefined) {
      odd(
        trimmed.endsWith("=")
          ? `${trimmed} has no value: the line does not count`
          : "is no `key = value`: it does not count",
      );
      continue;
    }
    if (/[\t ]#/.test(value)) odd(`${key}: what follows "#" belongs to the value, comments have lines of their own`);
    settings.push({ key: prefix === "" ? key : `${prefix}.${key}`, value, file, line });
  }
  return { settings, oddities };
}
