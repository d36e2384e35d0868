import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { isValidSubject, subjectCovers, subjectsOverlap } from "../../../shared/subjects/overlap.ts";

const WORDS = ["a", "b"];
const DEEPEST = 4;

/** Every literal subject of up to four tokens over two words: enough to tell any two filters of three tokens apart. */
const LITERALS = literals(DEEPEST);

function literals(depth: number): readonly string[] {
  if (depth === 1) return WORDS;
  const shorter = literals(depth - 1);
  return [...new Set([...WORDS, ...shorter, ...shorter.flatMap((rest) => WORDS.map((word) => `${word}.${rest}`))])];
}

function matches(filter: string, literal: string): boolean {
  const pattern = filter
    .split(".")
    .map((token) => (token === "*" ? "[^.]+" : token === ">" ? ".+" : token))
    .join("\\.");
  return new RegExp(`^${pattern}$`).test(literal);
}

const filter = fc
  .tuple(fc.array(fc.constantFrom("a", "b", "*"), { minLength: 1, maxLength: 3 }), fc.boolean())
  .map(([tokens, open]) => [...tokens.slice(0, open ? 2 : 3), ...(open ? [">"] : [])].join("."));

test("two filters overlap exactly when some subject matches both", () => {
  fc.assert(
    fc.property(filter, filter, (a, b) => {
      const shared = LITERALS.some((literal) => matches(a, literal) && matches(b, literal));
      assert.equal(subjectsOverlap(a, b), shared);
      assert.equal(subjectsOverlap(b, a), shared);
    }),
    { numRuns: 500 },
  );
});

test("a filter covers another exactly when it matches every subject of it", () => {
  fc.assert(
    fc.property(filter, filter, (outer, inner) => {
      const every = LITERALS.filter((literal) => matches(inner, literal)).every((literal) => matches(outer, literal));
      assert.equal(subjectCovers(outer, inner), every);
    }),
    { numRuns: 500 },
  );
});

test("a partial overlap, which nats-server 2.9 lets in, is seen", () => {
  assert.equal(subjectsOverlap("X.*.b", "X.x.>"), true);
  assert.equal(subjectsOverlap("X.*.b", "X.x.c"), false);
});

for (const [subject, valid] of [
  ["a", true],
  ["a.b-c.$d", true],
  ["a.*.c", true],
  ["a.>", true],
  [">", true],
  ["", false],
  [".a", false],
  ["a.", false],
  ["a..b", false],
  ["a.>.b", false],
  ["a.b*", false],
  ["a.b>", false],
  ["a b", false],
  ["a\tb", false],
  ["a.\u0000", false],
] as const) {
  test(`${JSON.stringify(subject)} is ${valid ? "a" : "no"} subject`, () => {
    assert.equal(isValidSubject(subject), valid);
  });
}
