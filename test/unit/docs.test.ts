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

test("tests that the README names as evidence exist", () => {
  const tests = ["unit", "integration", "e2e"].flatMap((suite) =>
    readdirSync(join(root, "test", suite), { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".test.ts"))
      .map((file) => readFileSync(join(root, "test", suite, file), "utf8")),
  );
  const readme = documents[0]?.text ?? "";
  const evidence = readme
    .split("\n")
    .filter((line) => line.startsWith("| "))
    .flatMap((line) => [...(line.split("|").at(-2) ?? "").matchAll(/"([^"]+)"/g)].map(([, name = ""]) => name));

  assert.ok(evidence.length >= 10, "the column is still found");
  assert.deepEqual(
    evidence.filter((name) => !tests.some((text) => text.includes(`"${name}"`))),
    [],
  );
});
