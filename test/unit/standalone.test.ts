import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "../support/imports.ts";

// The project must build anywhere its package managers work, so nothing in it may name one place it was built at.
// The patterns are put together from parts: this file is searched too.
const host = (...labels: readonly string[]) => labels.join("\\.");
const FORBIDDEN: Readonly<Record<string, RegExp>> = {
  "a package registry's host": new RegExp(
    [
      host("registry", "npmjs"),
      host("registry", "yarnpkg"),
      host("pypi", "org"),
      host("pythonhosted", "org"),
      host("deb", "debian", "org"),
    ].join("|"),
  ),
  "a path of one machine": new RegExp(`(^|[\\s"'\`(=:])/${"work"}/|/${"home"}/[a-z]|/${"Users"}/[a-z]`, "m"),
  "a folder outside the project": /\.\.\/shared\/[a-z-]+\.md/,
};

test("no file of the project depends on where it was made", () => {
  const files = execFileSync("git", ["ls-files", "-z"], { cwd: root, encoding: "utf8" }).split("\0").filter(isText);
  const found = files.flatMap((file) => {
    const text = readFileSync(join(root, file), "utf8");
    return Object.entries(FORBIDDEN).flatMap(([what, pattern]) => {
      const match = pattern.exec(text);
      return match === null ? [] : [`${file}: ${what}: ${JSON.stringify(match[0])}`];
    });
  });
  assert.deepEqual(found, []);
});

test("the lock file pins packages by version and digest, not by where they were fetched", () => {
  const located = lockedPackages().filter(([, { resolved, link }]) => resolved !== undefined && link !== true);
  assert.deepEqual(
    located.map(([name]) => name),
    [],
  );
});

// `npm install` drops those that the registry at hand does not carry, and `npm ci` then refuses the lock file.
test("the lock file knows the builds for other platforms too", () => {
  const packages = lockedPackages();
  const names = new Set(
    packages.map(([path]) => path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length)),
  );
  const wanted = packages.flatMap(([, { optionalDependencies }]) => Object.keys(optionalDependencies ?? {}));
  assert.deepEqual(
    wanted.filter((name) => !names.has(name)),
    [],
  );
});

interface LockedPackage {
  readonly resolved?: string;
  readonly link?: boolean;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

function lockedPackages(): [path: string, locked: LockedPackage][] {
  return Object.entries(JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")).packages);
}

function isText(file: string): boolean {
  return file !== "" && !file.startsWith("test/fixtures/") && !/\.(png|gz|bin|jpg)$/.test(file);
}
