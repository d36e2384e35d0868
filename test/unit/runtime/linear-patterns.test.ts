import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import fc from "fast-check";
import { matchesAny } from "../../../shared/choria/rules/pattern.ts";
import { patternText } from "../../../shared/config/texts.ts";
import { matchInLinearTime } from "../../../shared/runtime/linear-patterns.ts";

matchInLinearTime();
// Lets `l` stand for "in linear time or not at all": V8's own word on what its linear engine can do.
setFlagsFromString("--enable-experimental-regexp-engine");

const problemOf = (pattern: string): string | null => {
  const { error } = patternText().safeParse(pattern);
  return error?.issues[0]?.message ?? null;
};

/** Without the linear engine each takes far longer than a test may. */
const endless: readonly [pattern: string, name: string][] = [
  ["^(a+)+$", `${"a".repeat(200)}!`],
  ["(x+x+)+y", "x".repeat(200)],
  ["^(?:a|a)*b$", "a".repeat(200)],
  ["^(a{2}|a){3,}$", `${"a".repeat(200)}!`],
  ["^([a-z0-9]+-?)+\\.example\\.net$", `${"web".repeat(80)}!`],
];

for (const [pattern, name] of endless) {
  test(`a pattern that the configuration takes ends on any name: ${pattern}`, () => {
    assert.equal(problemOf(pattern), null);
    assert.equal(new RegExp(pattern).test(name), false);
  });
}

const refused: readonly [pattern: string, problem: RegExp][] = [
  ["^(?=a)(a+)+$", /looks around/],
  ["(?<!a)b", /looks around/],
  ["^(a)\\1$", /refers back/],
  ["^(?<x>a)\\k<x>$", /refers back/],
  ["^([a-z]{1,63}-?)+$", /counts repetitions/],
  ["^(a?){40}$", /counts repetitions/],
  ["^(([a-z]{1,5}){4}-?){4}$", /counts repetitions up to 80/],
  ["^[a-z]{1,63}[a-z]{1,63}[a-z]{1,63}[a-z]{1,63}$", /counts repetitions up to 63/],
  ["^.{0,99}.*.*.*.*x$", /counts repetitions up to 99/],
  ["^((((a+)+)+)+)+$", /counts repetitions up to 32/],
  ["(?:a+){17}", /counts repetitions up to 34/],
  ["/(/", /not a regular expression/],
  ["/a\\/", /not a regular expression/],
];

for (const [pattern, problem] of refused) {
  test(`a pattern that might never end is refused with the configuration: ${pattern}`, () => {
    assert.match(problemOf(pattern) ?? "", problem);
  });
}

for (const pattern of [
  "\\.mcollective$",
  "/^web[0-9]{1,3}$/",
  "^([0-9]{1,3}\\.){3}[0-9]{1,3}$",
  "^[a-z0-9-]{1,63}\\.example\\.net$",
  "^(?:web|db)[0-9]+\\.(?<site>[a-z]+)\\.example\\.net$",
  "[*+?{9}]",
  "[(?=]",
  "\\(?=",
  "\\\\1",
]) {
  test(`an ordinary pattern is taken: ${pattern}`, () => {
    assert.equal(problemOf(pattern), null);
  });
}

const atom = fc.constantFrom("a", ".", "[a-z{2}]", "\\d", "\\(", "\\u", "^", "$", "|", "");
const quantifier = fc.oneof(
  fc.constantFrom("", "*", "+", "?", "*?", "+?"),
  fc.tuple(fc.nat(20), fc.constantFrom("", ",", ",20", ",16", ",3")).map(([least, most]) => `{${least}${most}}`),
);
const { pattern: anyPattern } = fc.letrec<{ pattern: string }>((tie) => ({
  pattern: fc.oneof(
    { maxDepth: 5 },
    fc.tuple(atom, quantifier).map((parts) => parts.join("")),
    fc.tuple(tie("pattern"), tie("pattern")).map((parts) => parts.join("")),
    fc.tuple(fc.constantFrom("(", "(?:", "(?="), tie("pattern"), quantifier).map(([open, inner, times]) => {
      return `${open}${inner})${times}`;
    }),
  ),
}));

const canBeLinear = (pattern: string): boolean => {
  try {
    new RegExp(pattern, "l");
    return true;
  } catch {
    return false;
  }
};
/** What backtracks no more often than there are pairs of places in a name. */
const hasOneCount = (pattern: string): boolean => /^[^*+?{]*[^*+?{)]\{\d+(?:,\d*)?\}\??[^*+?{]*$/.test(plain(pattern));
const plain = (pattern: string): string =>
  pattern.replace(/\\./g, "x").replaceAll("[a-z{2}]", "x").replaceAll("(?:", "(");

test("whatever the pattern: it is taken only if V8 can match it in linear time, or if it has a single count", () => {
  let taken = 0;
  const property = fc.property(anyPattern, (pattern) => {
    if (problemOf(pattern) !== null) return;
    taken += 1;
    assert.ok(canBeLinear(pattern) || hasOneCount(pattern), pattern);
  });
  fc.assert(property, { numRuns: 3_000 });
  assert.ok(taken > 300, `only ${taken} patterns were taken`);
});

test("a pattern that was refused for its cost is one that V8 cannot match in linear time: no more is refused than has to be", () => {
  for (const [pattern, problem] of refused) {
    if (!problem.source.includes("regular expression")) assert.equal(canBeLinear(pattern), false, pattern);
  }
});

test("a name beyond the longest that a caller may have matches no pattern, for what matching costs grows with it", () => {
  const patterns = [/^a/];
  assert.equal(matchesAny(patterns, "a".repeat(1_024)), true);
  assert.equal(matchesAny(patterns, "a".repeat(1_025)), false);
});
