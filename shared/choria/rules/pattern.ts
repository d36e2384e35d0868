/** A pattern as go-choria has them: as it is, or as `/…/`, whose slashes are not part of it. Throws a SyntaxError. */
export function compilePattern(text: string): RegExp {
  return new RegExp(/^\/.*\/$/.test(text) ? text.slice(1, -1) : text);
}

/** Unanchored, as go-choria's. */
export function matchesAny(patterns: readonly RegExp[], name: string): boolean {
  return patterns.some((pattern) => pattern.test(name));
}
