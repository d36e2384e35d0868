import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decodeBase64 } from "../../../shared/choria/wire/base64.ts";
import { int64 } from "../../../shared/choria/wire/integer.ts";
import { readJson, shape } from "../../../shared/choria/wire/json.ts";

const FIELDS = shape("k", "s", "ttl", "time", ["envelope", shape("callerid", "ttl")]);

const ambiguous: readonly [string, string, string | null][] = [
  ["distinct keys", '{"k":1,"s":2}', null],
  ["an exact repetition", '{"k":1,"k":2}', "k"],
  ["a repetition behind an escape", '{"k":1,"\\u006b":2}', "k"],
  ["a known key in capitals", '{"K":1}', "K"],
  ["the Kelvin sign for k", '{"\u212a":1}', "\u212a"],
  ["the long s for s", '{"\u017f":1}', "\u017f"],
  ["unknown keys that fold together", '{"Extra":1,"extra":2}', "extra"],
  ["a nested known key in capitals", '{"envelope":{"callerid":"a","CALLERID":"b"}}', "CALLERID"],
  ["a nested repetition in an unknown object", '{"x":{"a":1,"a":2}}', "a"],
  ["map keys that differ in case only", '{"x":{"a":1,"A":2}}', null],
  ["keys in strings", '{"k":"{\\"k\\":1,\\"k\\":2}"}', null],
  ["keys after an escaped backslash", '{"k":"\\\\","s":"\\\\\\"","K":0}', "K"],
  ["a repetition in a list", '{"x":[{"a":1},{"a":1,"a":2}]}', "a"],
  ["__proto__ once", '{"__proto__":{"k":1}}', null],
];

for (const [name, text, expected] of ambiguous) {
  test(`ambiguous keys: ${name}`, () => {
    const document = readJson(text, FIELDS, 8);
    assert.ok(typeof document !== "string");
    assert.equal(document.ambiguousKey, expected);
  });
}

test("what follows a string is seen, whatever quotes and backslashes the string holds", () => {
  const tricky = fc.string({ unit: fc.constantFrom("\\", '"', "{", "}", "a", "\n", "\u00e9"), maxLength: 60 });
  fc.assert(
    fc.property(tricky, tricky, (first, second) => {
      const text = `{"s":${JSON.stringify(first)},"x":[${JSON.stringify(second)}],"K":0}`;
      const document = readJson(text, FIELDS, 8);
      assert.ok(typeof document !== "string");
      assert.equal(document.ambiguousKey, "K");
    }),
    { numRuns: 1_000 },
  );
});

test("numbers of known fields keep their digits", () => {
  const document = readJson('{ "time" : 1795416749958027500 ,"envelope":{"ttl":6e1},"other":5}', FIELDS, 8);
  assert.ok(typeof document !== "string");
  assert.deepEqual(
    [...document.digits],
    [
      ["time", "1795416749958027500"],
      ["ttl", "6e1"],
    ],
  );
});

test("int64 takes what Go takes for an integer", () => {
  const cases: readonly [string, bigint | null][] = [
    ["0", 0n],
    ["-0", 0n],
    ["-7", -7n],
    ["9223372036854775807", 9_223_372_036_854_775_807n],
    ["9223372036854775808", null],
    ["60.0", null],
    ["6e1", null],
    ["1e999", null],
  ];
  for (const [digits, value] of cases) assert.equal(int64(digits), value, digits);
});

test("depth is counted over objects and lists", () => {
  const nested = (depth: number) => `${'{"x":['.repeat(depth / 2)}${"]}".repeat(depth / 2)}`;
  assert.notEqual(readJson(nested(8), FIELDS, 8), "depth");
  assert.equal(readJson(nested(10), FIELDS, 8), "depth");
});

test("brackets in strings do not count as depth, however long the text", () => {
  const text = JSON.stringify({ x: "[{".repeat(20_000), y: `\\"${"[".repeat(20_000)}` });
  assert.equal(typeof readJson(text, FIELDS, 8), "object");
});

test("a megabyte of brackets is refused without being parsed", () => {
  assert.equal(readJson("[".repeat(1_048_576), FIELDS, 8), "depth");
  assert.equal(readJson(`"${"\\".repeat(500_000)}`, FIELDS, 8), "syntax");
});

test("whatever JSON.parse takes, the scan ends and finds nothing wrong with distinct keys", () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 6 }), fc.constantFrom(0, 1, 3), (text, indent) => {
      const spaced = JSON.stringify(JSON.parse(text), null, indent);
      const document = readJson(`{"x":${spaced}}`, FIELDS, 64);
      assert.ok(typeof document !== "string");
      assert.equal(document.ambiguousKey, null);
    }),
  );
});

test("a repetition is found wherever it stands", () => {
  fc.assert(
    fc.property(fc.json(), fc.json(), fc.string(), (one, two, key) => {
      const name = JSON.stringify(key);
      const document = readJson(`{"x":[${one},{${name}:${two},"other${key.length}":0,${name}:${one}}]}`, FIELDS, 64);
      assert.ok(typeof document !== "string");
      assert.equal(document.ambiguousKey, key);
    }),
  );
});

test("base64 is taken exactly when it is the encoding of its own bytes", () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      const text = Buffer.from(bytes).toString("base64");
      assert.deepEqual(decodeBase64(text), Buffer.from(bytes));
    }),
  );
  for (const text of ["QQ", "QQ=", "QR==", "QQ==\n", "Q-==", "Q Q=", "====", "QQ==QQ=="]) {
    assert.equal(decodeBase64(text), null, JSON.stringify(text));
  }
});
