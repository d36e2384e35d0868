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
// biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the purpose
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g;

/** Text of a sender made safe for a detail: bounded, on one line. */
export function quoted(text: string): string {
  const short = text.length > MAX_QUOTED ? `${text.slice(0, MAX_QUOTED)}…` : text;
  return `"${short.toWellFormed().replace(UNPRINTABLE, "?")}"`;
}
