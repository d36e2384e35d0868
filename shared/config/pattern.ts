import type { Rule } from "./texts.ts";

/**
 * Names are chosen by strangers, and a pattern must not take for ever on one. Where a match backtracks too often the
 * program goes on with V8's linear engine (see `matchInLinearTime`), so that a pattern is taken which that engine can do
 * (src/regexp/experimental/experimental.cc, CanBeHandled), and no other.
 */
export function patternRule(text: string): ReturnType<Rule> {
  // As in go-choria's settings, slashes around a pattern are not part of it.
  const pattern = /^\/.*\/$/.test(text) ? text.slice(1, -1) : text;
  try {
    new RegExp(pattern);
  } catch (error) {
    const problem = `is not a regular expression: ${error instanceof Error ? error.message : String(error)}`;
    return { problem, fix: 'mend it; a literal dot is "\\."' };
  }
  return endlessRule(pattern);
}

/** The linear engine writes the body of a quantifier out as often as it has to occur, and no part of a pattern more often. */
const MOST_COPIES = 16;

function endlessRule(pattern: string): ReturnType<Rule> {
  const syntax = syntaxOf(pattern);
  if (/\\[1-9k]/.test(pattern.replace(/\\[^1-9k]/g, "")) || /\(\?(?!:|<[^=!])/.test(syntax)) {
    const problem = "looks around or refers back, which can take for ever on some names";
    return {
      problem,
      fix: "write it without (?=…), (?!…), (?<…) and \\1, which go-choria's patterns do not have either",
    };
  }
  const copies = copiesOf(syntax);
  if (copies <= MOST_COPIES || hasOneCount(syntax)) return null;
  const problem = `counts repetitions up to ${copies}, nested ones multiplied ("+" counts as 2), which can take for ever on some names`;
  const fix = `write "[a-z]+" for "[a-z]{1,63}", and no repetition within another, or make it ${MOST_COPIES} at most`;
  return { problem, fix };
}

/** Escapes and classes are one character each: what stands in them is not syntax. */
function syntaxOf(pattern: string): string {
  return pattern.replace(/\\./gs, "x").replace(/\[[^\]]*\]/g, "x");
}

const TOKENS = /\((?:\?:|\?<[^>]*>)?|[*+?]\??|\{(\d+)(,?)(\d*)\}\??|./gs;

/** How often the engine would write out the part of the pattern that it writes out most. */
function copiesOf(syntax: string): number {
  const groups = [1];
  let last = 1; // copies of what a quantifier would stand behind
  for (const [token, least, comma, most] of syntax.matchAll(TOKENS)) {
    if (token.startsWith("(")) {
      groups.push(1);
      continue;
    }
    if (token === ")") last = groups.pop() ?? 1;
    else if (least !== undefined) last *= countedTimes(Number(least), comma === "," ? most : least);
    else if (token.startsWith("+")) last *= 2;
    else if (!/^[*?]/.test(token)) last = 1;
    groups.push(Math.max(groups.pop() ?? 1, last));
  }
  return groups[0] ?? 1;
}

/** Without a bound above, one copy repeats what comes after the least. What never occurs is written out all the same. */
function countedTimes(least: number, most: string | undefined): number {
  return Math.max(1, most === undefined || most === "" ? least + 1 : Number(most));
}

/**
 * One count in all, of one character, such as the label of a host name: it backtracks at most once for each two places of the
 * name, and names are bounded (`matchesAny`).
 */
function hasOneCount(syntax: string): boolean {
  const tokens = syntax.match(TOKENS) ?? [];
  const [first, ...more] = tokens.flatMap((token, at) => (/^(?:[*+?]|\{\d)/.test(token) ? [at] : []));
  return first !== undefined && more.length === 0 && tokens[first - 1] !== ")";
}
