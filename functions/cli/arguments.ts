import { InvalidArgumentError } from "commander";
import { duration } from "../../shared/config/units.ts";

/** Parsers of option values, for commander: what they cannot read ends the command with exit code 2. */

/** A count of at least one. */
export function positiveCount(text: string): number {
  const count = Number(text);
  if (!Number.isSafeInteger(count) || count < 1) throw new InvalidArgumentError("It must be a whole number above 0.");
  return count;
}

/** Node's timers hold 31 bits of milliseconds: a longer wait would be over at once. */
const LONGEST_MS = 2 ** 31 - 1;

/** A time span in milliseconds: `30s`, `500ms`, `5m`, or a bare number of seconds. */
export function timeSpan(text: string): number {
  const ms = age(text);
  if (ms > LONGEST_MS) throw new InvalidArgumentError("It must be at most 24 days.");
  return ms;
}

/** As `timeSpan`, of any length: nobody waits for it. */
export function age(text: string): number {
  const parsed = duration().safeParse(/^[\d.]+$/.test(text) ? `${text}s` : text);
  if (!parsed.success || parsed.data <= 0) {
    throw new InvalidArgumentError('It must be seconds, or a span such as "500ms", "30s", "5m" or "7d".');
  }
  return parsed.data;
}

/** 0 to 100. */
export function percentage(text: string): number {
  const percent = Number(text);
  if (text.trim() === "" || !(percent >= 0 && percent <= 100)) {
    throw new InvalidArgumentError("It must be a number from 0 to 100.");
  }
  return percent;
}

/** A collective: it becomes a token of subjects and part of a file name. */
export function collectiveName(text: string): string {
  if (!/^[A-Za-z0-9_-]+$/.test(text)) throw new InvalidArgumentError("It must be letters, digits, '_' or '-'.");
  return text;
}
