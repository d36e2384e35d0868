import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { effectiveConfig } from "../../../shared/config/effective.ts";
import { parseConfig } from "../../../shared/config/load.ts";
import { maskSecrets, showValue } from "../../../shared/config/mask.ts";
import { nearest } from "../../../shared/config/nearest.ts";
import { configurationReference } from "../../../shared/config/reference.ts";
import { configSchema } from "../../../shared/config/schema.ts";
import { type SchemaNode, schemaNode } from "../../../shared/config/schema-node.ts";
import { durationText, sizeText } from "../../../shared/config/units.ts";
import { parseValue } from "../../support/config.ts";

const docs = new URL("../../../docs/", import.meta.url);
const example = readFileSync(new URL("example.yaml", docs), "utf8");

test("docs/configuration.md is what the schemas say (npm run docs writes it)", () => {
  assert.equal(readFileSync(new URL("configuration.md", docs), "utf8"), configurationReference(example));
});

test("the example is accepted", () => {
  const config = parseConfig(example, "docs/example.yaml", {});

  assert.deepEqual(Object.keys(config.jobs), ["republish", "audit"]);
});

test("the example has every section but those of one process", () => {
  const absent = Object.keys(configSchema.shape).filter((section) => !new RegExp(`^${section}:`, "m").test(example));

  assert.deepEqual(absent, ["bridge", "worker", "lambda", "dispatcher"]);
});

test("every setting says what it means", () => {
  assert.deepEqual(silent("", schemaNode(configSchema)), []);
});

test("the effective configuration is one that can be loaded and means the same", () => {
  const config = parseConfig(example, "docs/example.yaml", {});

  assert.deepEqual(parseValue(effectiveConfig(config)), config);
});

test("whatever is named like a secret is masked, and so are credentials in URLs", () => {
  const shown = maskSecrets({
    passwordFile: "secrets/password",
    password: "hunter2",
    apiToken: "abc",
    servers: ["nats://bob:p@ss@localhost:4222", "nats://localhost"],
  });

  assert.deepEqual(shown, {
    passwordFile: "secrets/password",
    password: "***",
    apiToken: "***",
    servers: ["nats://***@localhost:4222", "nats://localhost"],
  });
});

for (const [ms, text] of [
  [0, "0ms"],
  [1_500, "1500ms"],
  [60_000, "1m"],
  [90_000, "90s"],
  [604_800_000, "7d"],
] as const) {
  test(`${ms} ms is written ${text}`, () => assert.equal(durationText(ms), text));
}

for (const [bytes, text] of [
  [1_073_741_824, "1GiB"],
  [1_000_000, "1MB"],
  [1_025, "1025B"],
] as const) {
  test(`${bytes} bytes are written ${text}`, () => assert.equal(sizeText(bytes), text));
}

test("the nearest name is one a person could have meant, or none", () => {
  assert.equal(nearest("steams", ["streams", "sinks"]), "streams");
  assert.equal(nearest("maxage", ["maxAge", "maxBytes"]), "maxAge");
  assert.equal(nearest("zzz", ["streams"]), null);
});

function silent(path: string, node: SchemaNode): readonly string[] {
  return (node.oneOf ?? [node]).flatMap((variant) => [
    ...Object.entries(variant.properties ?? {}).flatMap(([key, inner]) => [
      ...(inner.description === undefined ? [`${path}${key}`] : []),
      ...silent(`${path}${key}.`, inner),
    ]),
    ...(typeof variant.additionalProperties === "object" ? silent(`${path}<name>.`, variant.additionalProperties) : []),
  ]);
}

for (const [what, secret] of [
  ["a private key as go-choria writes it", "ab".repeat(64)],
  ["a key in PEM form", "-----BEGIN PRIVATE KEY-----\nMIIE"],
  ["an nkey seed", `SU${"A".repeat(56)}`],
  ["a token", "eyJhbGciOiJFZERTQSJ9.eyJ4IjoxfQ.AAAA"],
] as const) {
  test(`${what}, written where a file or public key belongs, is not shown with the problem`, () => {
    assert.equal(showValue(["trust", "v2", "issuers", "choria"], secret), "***");
  });
}
