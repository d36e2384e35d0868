import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const documents = [
  "README.md",
  "CONTRIBUTING.md",
  ...readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .map((name) => join("docs", name)),
].map((name) => ({ name, text: readFileSync(join(root, name), "utf8") }));

test("files and folders that the documentation names exist", () => {
  const named = documents.flatMap(({ name, text }) =>
    [...text.matchAll(/`((?:functions|shared|test|bench|scripts|docs|bin)\/[\w./-]+)`/g)].map(([, path]) => ({
      name,
      path,
    })),
  );

  assert.ok(named.length > 50, "the pattern still finds them");
  assert.deepEqual(
    named.filter(({ path = "" }) => !existsSync(join(root, path))),
    [],
  );
});

test("links between documents lead somewhere", () => {
  const links = documents.flatMap(({ name, text }) =>
    [...text.matchAll(/\]\(([^)#\s]+)(#[^)]*)?\)/g)].map(([, target = ""]) => ({ name, target })),
  );

  const broken = links
    .filter(({ target }) => !/^https?:/.test(target))
    .filter(({ name, target }) => !existsSync(join(root, normalize(join(dirname(name), target)))));
  assert.deepEqual(broken, []);
});

const tests = ["unit", "integration", "e2e", "faults"].flatMap((suite) =>
  readdirSync(join(root, "test", suite), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".test.ts"))
    .map((file) => readFileSync(join(root, "test", suite, file), "utf8")),
);

for (const name of ["README.md", "docs/operations.md"]) {
  test(`tests that ${name} names as evidence exist`, () => {
    const text = documents.find((document) => document.name === name)?.text ?? "";
    const evidence = text
      .split("\n")
      .filter((line) => line.startsWith("| "))
      .flatMap((line) => [...(line.split("|").at(-2) ?? "").matchAll(/"([^"]+)"/g)].map(([, found = ""]) => found));

    assert.ok(evidence.length >= 10, "the column is still found");
    // A name may be the beginning of several: `…, ${variant.name}`.
    const isThere = (name: string) =>
      tests.some((source) => [`"${name}"`, `\`${name}, `].some((it) => source.includes(it)));
    assert.deepEqual(
      evidence.filter((found) => !isThere(found)),
      [],
    );
  });
}
