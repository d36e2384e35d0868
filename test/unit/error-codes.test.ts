import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { sourceFiles } from "../support/imports.ts";

const text = readFileSync(new URL("../../docs/errors.md", import.meta.url), "utf8");
const sources = sourceFiles("functions", "shared").map((file) => readFileSync(file, "utf8"));

test("docs/errors.md lists every coded error class with its code", () => {
  const classes = sources.flatMap((source) =>
    [...source.matchAll(/class (\w+) extends \w*Error\b[^}]*?readonly code = "([A-Z_]+)"/g)].map(([, name, code]) => ({
      name,
      code,
    })),
  );

  assert.ok(classes.length >= 10, "the pattern still finds the classes");
  const missing = classes.filter(
    ({ name, code }) => !text.split("\n").some((line) => line.includes(`\`${code}\``) && line.includes(`\`${name}\``)),
  );
  assert.deepEqual(missing, []);
});

test("no code in the sources is left out", () => {
  const declared = sources.flatMap((source) => [...source.matchAll(/\bcode = "([A-Z_]+)"/g)]);
  const unions = ["TrustErrorCode", "PublishFailure", "ShedReason", "SecretErrorCode"].flatMap((name) =>
    membersOf(name),
  );

  assert.ok(unions.length >= 15, "the unions are still found");
  const codes = [...declared.map(([, code]) => code ?? ""), ...unions];
  assert.deepEqual(
    codes.filter((code) => !text.includes(`\n| \`${code}\` |`)),
    [],
  );
});

/** The members of an exported union of literals. */
function membersOf(name: string): string[] {
  const union = new RegExp(`export type ${name} =([^;]*);`);
  const found = sources.map((source) => union.exec(source)?.[1]).find((members) => members !== undefined) ?? "";
  return [...found.matchAll(/"([A-Za-z_]+)"/g)].map(([, member]) => member ?? "");
}
