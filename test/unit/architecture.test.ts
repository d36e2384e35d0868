import assert from "node:assert/strict";
import { basename } from "node:path";
import { test } from "node:test";
import ts from "typescript";
import { type Import, importsOf, parse, sourceFiles } from "../support/imports.ts";

// What a folder may import besides itself: other folders of the project, packages, node: modules.
const PURE = ["node:crypto", "node:buffer", "zod", "jose", "@peculiar/x509", "reflect-metadata", "yaml"];
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  "shared/choria": PURE,
  "shared/jobs": PURE,
  // Pure too: the checks compare templates and filters, and a seed is held against its token.
  "shared/config": [...PURE, "shared/subjects/", "shared/choria/broker-auth.ts"],
  "shared/subjects": PURE,
  "shared/telemetry": ["node:", "pino", "prom-client", "@opentelemetry/api"],
  "shared/nats-server": ["node:"],
  "shared/lambda": ["zod"],
  "shared/time": [],
  "shared/aws": ["node:", "aws4fetch"],
  "shared/runtime": ["node:", "shared/aws/", "shared/config/", "shared/jetstream/", "shared/telemetry/"],
  "shared/jetstream": ["node:", "nats", "shared/jobs/", "shared/telemetry/"],
  "shared/sinks": ["node:", "nats", "shared/jobs/", "shared/telemetry/", "shared/subjects/", "shared/jetstream/"],
};

const sources = sourceFiles("functions", "shared");
const imports = sources.flatMap(importsOf);

test("folders of shared/ import only what their responsibility allows", () => {
  const broken = imports.filter(({ from, to, typeOnly }) => {
    const folder = folderOf(from);
    const allowed = MAY_IMPORT[folder];
    if (!from.startsWith("shared/") || to.startsWith(`${folder}/`)) return false;
    if (typeOnly && to.startsWith("shared/")) return false; // a type costs nothing at run time
    return allowed === undefined || !allowed.some((prefix) => to === prefix || isUnder(to, prefix));
  });
  assert.deepEqual(broken.map(describe), []);
});

test("a function imports shared/ and itself; only the CLI puts functions together", () => {
  const broken = imports.filter(({ from, to }) => {
    if (!from.startsWith("functions/") || !to.startsWith("functions/")) return false;
    return folderOf(from) !== "functions/cli" && folderOf(from) !== folderOf(to);
  });
  assert.deepEqual(broken.map(describe), []);
});

test("the NATS client stops at shared/jetstream and the JetStream sink", () => {
  const broken = imports.filter(({ from, to }) => {
    const client = to === "nats" || to.startsWith("@nats-io/");
    return client && !from.startsWith("shared/jetstream/") && from !== "shared/sinks/jetstream.ts";
  });
  assert.deepEqual(broken.map(describe), []);
});

test("only tests import test/, and nothing imports what was built", () => {
  const all = [...imports, ...sourceFiles("bench", "scripts").flatMap(importsOf)];
  // The Lambda emulator is a test's helper first; what runs on this machine alone, and is in no package, may use it too.
  const local = /^(scripts\/lambda\/local|bench\/lambda)\//;
  const broken = all.filter(
    ({ from, to }) => /^(test|dist)\//.test(to) && !(local.test(from) && /^test\/support\//.test(to)),
  );
  assert.deepEqual(broken.map(describe), []);
});

test("relative imports name the TypeScript file", () => {
  const broken = imports.filter(({ to }) => /^(functions|shared)\//.test(to) && !to.endsWith(".ts"));
  assert.deepEqual(broken.map(describe), []);
});

test("there are no barrels and no default exports", () => {
  const files = sourceFiles("functions", "shared", "bench", "scripts", "test");
  assert.deepEqual(
    files.filter((file) => basename(file) === "index.ts" || hasDefaultExport(file)),
    [],
  );
});

test("process.env is read at entry points only", () => {
  const entry = /^functions\/[^/]+\/(main|handler)\.ts$/;
  const readers = sources.filter((file) => !entry.test(file) && readsEnvironment(file));
  assert.deepEqual(readers, []);
});

function folderOf(file: string): string {
  return file.split("/", 2).join("/");
}

function isUnder(module: string, prefix: string): boolean {
  return module.startsWith(prefix.endsWith("/") || prefix.endsWith(":") ? prefix : `${prefix}/`);
}

function describe({ from, to }: Import): string {
  return `${from} imports ${to}`;
}

function hasDefaultExport(file: string): boolean {
  return parse(file).statements.some((statement) => {
    if (ts.isExportAssignment(statement)) return true;
    const modifiers = ts.canHaveModifiers(statement) ? (ts.getModifiers(statement) ?? []) : [];
    return modifiers.some(({ kind }) => kind === ts.SyntaxKind.DefaultKeyword);
  });
}

function readsEnvironment(file: string): boolean {
  const isRead = (node: ts.Node): boolean =>
    (ts.isPropertyAccessExpression(node) && node.getText() === "process.env") || ts.forEachChild(node, isRead) === true;
  return isRead(parse(file));
}
