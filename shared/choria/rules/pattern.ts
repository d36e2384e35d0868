/** A pattern as go-choria has them: as it is, or as `/…/`, whose slashes are not part of it. Throws a SyntaxError. */
export function compilePattern(text: string): RegExp {
  return new RegExp(/^\/.*\/$/.test(text) ? text.slice(1, -1) : text);
}

/** A caller's longest (fields.ts); what matching costs grows with the name. */
const LONGEST_NAME = 1_024;

/** Unanchored, as go-choria's. A name that is too long matches none: patterns let in, never keep out. */
export function matchesAny(patterns: readonly RegExp[], name: string): boolean {
  return name.length <= LONGEST_NAME && patterns.some((pattern) => pattern.test(name));
}
