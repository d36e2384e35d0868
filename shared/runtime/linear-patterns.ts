import { setFlagsFromString } from "node:v8";

/**
 * Has V8 go on with its linear-time engine where matching a pattern backtracks 50,000 times. Patterns come from an
 * operator and names from strangers: `^(a+)+$` would take years on forty letters. The patterns which that engine cannot do
 * are refused with the configuration (`patternText`). For the whole process.
 */
export function matchInLinearTime(): void {
  setFlagsFromString("--enable-experimental-regexp-engine-on-excessive-backtracks");
}
