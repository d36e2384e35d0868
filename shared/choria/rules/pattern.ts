import { MAX_CALLER_CHARACTERS } from "./fields.ts";

/** A pattern as go-choria has them: as it is, or as `/…/`, whose slashes are not part of it. Throws a SyntaxError. */
export function compilePattern(text: string): RegExp {
  return new RegExp(/^\/.*\/$/.test(text) ? text.slice(1, -1) : text);
}

/**
 * Unanchored, as go-choria's. A name that is longer than any caller's matches none: what matching costs grows with the name,
 * and patterns let in, never keep out.
 */
export function matchesAny(patterns: readonly RegExp[], name: string): boolean {
  return name.length <= MAX_CALLER_CHARACTERS && patterns.some((pattern) => pattern.test(name));
}
