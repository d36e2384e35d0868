import assert from "node:assert/strict";
import { test } from "node:test";
import { patternText } from "../../../shared/config/texts.ts";
import { matchInLinearTime } from "../../../shared/runtime/linear-patterns.ts";

matchInLinearTime();

const problemOf = (pattern: string): string | null => {
  const { error } = patternText().safeParse(pattern);
  return error?.issues[0]?.message ?? null;
};

/** Without the linear engine each takes far longer than a test may. */
const endless: readonly [pattern: string, name: string][] = [
  ["^(a+)+$", `${"a".repeat(200)}!`],
  ["(x+x+)+y", "x".repeat(200)],
  ["^(?:a|a)*b$", "a".repeat(200)],
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
  ["^(a{2}|a){3,}$", /counts repetitions/],
  ["^(a?){40}$", /counts repetitions/],
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
  "[(?=]",
  "\\(?=",
  "\\\\1",
]) {
  test(`an ordinary pattern is taken: ${pattern}`, () => {
    assert.equal(problemOf(pattern), null);
  });
}
