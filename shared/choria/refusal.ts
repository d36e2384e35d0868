import type { Rejection, RejectionCode } from "./message.ts";

/** A rejection on its way out of the checks; told apart from their results by `instanceof`. Never thrown. */
export class Refusal implements Rejection {
  readonly code: RejectionCode;
  readonly detail: string;

  constructor(code: RejectionCode, detail: string) {
    this.code = code;
    this.detail = detail;
  }
}

const MAX_QUOTED = 80;
// biome-ignore lint/suspicious/noControlCharactersInRegex: what a sender wrote must not drive a terminal
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069]/g;

/** Text of a sender made safe for a detail. */
export function quoted(text: string): string {
  return `"${printable(text, MAX_QUOTED)}"`;
}

/** Text of a sender on one line, bounded, without characters that drive a terminal. */
export function printable(text: string, maxCharacters: number): string {
  const short = text.length > maxCharacters ? `${text.slice(0, maxCharacters)}…` : text;
  return short.toWellFormed().replace(UNPRINTABLE, "?");
}
