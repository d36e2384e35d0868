import assert from "node:assert/strict";
import { test } from "node:test";
import { denyListFault, readDenyList } from "../../../shared/config/deny-list.ts";
import { trustSettings } from "../../../shared/config/resolve.ts";
import { makeConfigValue, parseValue, problemsOf } from "../../support/config.ts";
import { vectorFile } from "../../support/vectors.ts";

const key = "Ab".repeat(32);

test("entries are told apart by their form; comments, blank lines and white space are none", () => {
  const text = `# lost in Lisbon\n\n  ${key}  # the laptop's key\r\n3EXBnRlnLLZjydE9pp5Avoyo3ya\nweb1.example.net\n`;
  assert.equal(denyListFault(text), null);
  assert.deepEqual(readDenyList(text), {
    tokens: ["3EXBnRlnLLZjydE9pp5Avoyo3ya", "web1.example.net"],
    publicKeys: [key],
    identities: ["3EXBnRlnLLZjydE9pp5Avoyo3ya", "web1.example.net"],
  });
});

test("ids and names in hex that are no keys are taken: a UUID, a SHA-1, SHA-224, SHA-384 and SHA-512", () => {
  const entries = [16, 20, 28, 48, 64].map((bytes) => "0a".repeat(bytes));
  assert.equal(denyListFault(`${entries.join("\n")}\n`), null);
  const { trust } = parseValue(trustOf({ tokens: entries, identities: entries }));
  assert.deepEqual([trust.deny.tokens, trust.deny.identities], [entries, entries]);
});

test("a list of nobody says so in a comment", () => {
  assert.equal(denyListFault("# nobody\n"), null);
  assert.deepEqual(readDenyList("# nobody\n"), { tokens: [], publicKeys: [], identities: [] });
});

const faults: readonly [what: string, text: string, fault: RegExp][] = [
  ["nothing in it", "", /it is empty/],
  ["only blank lines", "\n \n", /it is empty/],
  ["half a last line", "web1.example.net\nweb2.exa", /its last line has no end/],
  ["two entries in a line", "a\nb c\n", /line 2 has more than one entry/],
  ["a caller", "choria=rip\n", /line 1 is a caller.*: write what stands after "="/],
  [
    "a certificate",
    vectorFile("keys/v1-client.pem"),
    /line 1 begins a PEM block: certificates of protocol v1 are revoked by trust\.v1\.crl/,
  ],
  ["a public key cut short", `${key.slice(1)}\n`, /line 1 is hex of 63 characters: a public key has 64/],
  ["a public key with more behind it", `# x\n${key}abcdef0\n`, /line 2 is hex of 71 characters/],
  ["a public key of which an end is lost", `${key.slice(7)}\n`, /line 1 is hex of 57 characters/],
  ["a whole token", `${vectorFile("keys/v2-client.jwt").trim()}\n`, /line 1 is a whole token: write its id/],
  ["a very long line", `${"a".repeat(2_000)}\n`, /more than 1024/],
];

for (const [what, text, fault] of faults) {
  test(`a deny list with ${what} is refused`, () => {
    assert.match(denyListFault(text) ?? "", fault);
  });
}

const trustOf = (deny: object, others: object = {}) =>
  makeConfigValue({
    trust: {
      v1: { ca: "ca.pem", nodes: ["\\.example\\.net$"], ...others },
      v2: { issuers: { choria: "ab".repeat(32) } },
      deny,
    },
  });
const filesOf = (deny: string) => ({
  file: "test.yaml",
  read: (path: string) => {
    if (path === "ca.pem") return vectorFile("keys/v1-ca.pem");
    if (path === "deny.txt") return deny;
    throw Object.assign(new Error("no"), { code: "ENOENT" });
  },
});

test("what the file denies is added to what the configuration does", () => {
  const config = parseValue(trustOf({ tokens: ["t1"], identities: ["web1"], file: "deny.txt" }));
  const { deny } = trustSettings(config, filesOf(`web2\n${key}\n`));
  assert.deepEqual(deny, { tokens: ["t1", "web2"], publicKeys: [key], identities: ["web1", "web2"] });
});

test("a deny list that is missing or broken is a problem of the configuration, named with its place", () => {
  const missing = problemsOf(() => trustSettings(parseValue(trustOf({ file: "gone.txt" })), filesOf("")));
  const broken = problemsOf(() => trustSettings(parseValue(trustOf({ file: "deny.txt" })), filesOf("a b\n")));
  assert.deepEqual(
    [...missing, ...broken].map(({ path, problem }) => `${path}: ${problem}`),
    [
      "trust.deny.file: cannot be read (there is no such file)",
      "trust.deny.file: does not hold a deny list (a token id, public key or identity a line): line 1 has more than one entry: write each on its own, without white space",
    ],
  );
});

const useless: readonly [what: string, value: object, path: string, problem: RegExp][] = [
  ["a key among the tokens", trustOf({ tokens: [key] }), "trust.deny.tokens[0]", /is a public key/],
  ["a key among the identities", trustOf({ identities: ["a", key] }), "trust.deny.identities[1]", /is a public key/],
  ["a caller among the identities", trustOf({ identities: ["choria=rip"] }), "trust.deny.identities[0]", /is a caller/],
  ["two tokens in one", trustOf({ tokens: ["t1 t2"] }), "trust.deny.tokens[0]", /has more than one entry/],
  ["a name with a space", trustOf({ identities: ["web1 "] }), "trust.deny.identities[0]", /has more than one entry/],
  ["a name that is white space", trustOf({ identities: [" "] }), "trust.deny.identities[0]", /has more than one entry/],
  ["a name that is empty", trustOf({ identities: [""] }), "trust.deny.identities[0]", /./],
  ["a short key among names", trustOf({ identities: [key.slice(1)] }), "trust.deny.identities[0]", /is hex of 63/],
  ["a short key", trustOf({ publicKeys: [key.slice(1)] }), "trust.deny.publicKeys[0]", /64 hex characters/],
  [
    "a whole token",
    trustOf({ tokens: [vectorFile("keys/v2-client.jwt").trim()] }),
    "trust.deny.tokens[0]",
    /whole token/,
  ],
  ["a certificate", trustOf({ tokens: ["-----BEGIN CERTIFICATE-----"] }), "trust.deny.tokens[0]", /begins a PEM block/],
  ["a very long name", trustOf({ identities: ["z".repeat(2_000)] }), "trust.deny.identities[0]", /more than 1024/],
  [
    "tokens without protocol v2",
    makeConfigValue({ trust: { v1: { ca: "ca.pem", nodes: ["net$"] }, deny: { tokens: ["t1"] } } }),
    "trust.deny.tokens[0]",
    /denies nothing/,
  ],
  [
    "stale lists accepted where there is no list",
    trustOf({}, { acceptStaleCrl: true }),
    "trust.v1.acceptStaleCrl",
    /has no effect/,
  ],
];

test("what to do about an entry is said for the list that it is in", () => {
  const entries = [key.slice(1), "z".repeat(2_000), vectorFile("keys/v2-client.jwt").trim()];
  const fixesOf = (deny: object) => problemsOf(() => parseValue(trustOf(deny))).map(({ fix }) => fix);

  assert.deepEqual(fixesOf({ tokens: entries }), [
    "a public key has 64, and belongs in trust.deny.publicKeys",
    "write the id of a token (jti)",
    "write its id (jti)",
  ]);
  assert.deepEqual(fixesOf({ identities: entries }), [
    "write the name of an identity; a public key has 64, and belongs in trust.deny.publicKeys",
    "write the name of an identity",
    "write its id (jti) in trust.deny.tokens, or the name of its identity here",
  ]);
});

for (const [what, value, path, problem] of useless) {
  test(`a setting that would do nothing is refused: ${what}`, () => {
    const problems = problemsOf(() => parseValue(value));
    assert.deepEqual(
      problems.map((found) => found.path),
      [path],
    );
    assert.match(problems[0]?.problem ?? "", problem);
  });
}
