import { execFile } from "node:child_process";
import { cp, mkdir, readdir, readFile, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import { makeFolder } from "../../support/folder.ts";
import { root } from "../../support/imports.ts";
import { readZip } from "../../support/zip.ts";

export interface Ended {
  readonly code: number;
  /** What it wrote, both outputs. */
  readonly output: string;
}

export type Env = Readonly<Record<string, string>>;

/** What a deployment needs of a checkout. */
const PARTS = [
  "functions",
  "shared",
  "scripts",
  "docs/lambda",
  "docs/deploy",
  "package.json",
  "tsconfig.json",
  "serverless.yml",
];
/** Ends what would never end. */
const LIMIT_MS = 300_000;

/** A checkout of its own, since packaging writes into it; its packages are those of this one. */
export async function copyCheckout(t: Pick<TestContext, "after">): Promise<string> {
  const folder = await makeFolder(t);
  for (const part of PARTS) {
    await mkdir(dirname(join(folder, part)), { recursive: true });
    await cp(join(root, part), join(folder, part), { recursive: true });
  }
  await symlink(join(root, "node_modules"), join(folder, "node_modules"));
  return folder;
}

/** Runs `serverless` in a checkout, with nothing in its environment but `env`: no credentials, no settings of this machine. */
export function serverless(checkout: string, args: readonly string[], env: Env = {}): Promise<Ended> {
  return run(join(root, "node_modules/.bin/serverless"), args, checkout, { HOME: checkout, ...env });
}

/** Runs the build of the bundles as people do. */
export function buildLambda(checkout: string, args: readonly string[], env: Env = {}): Promise<Ended> {
  return run(process.execPath, ["--import", "tsx", "scripts/lambda/bundle/build.ts", ...args], checkout, env);
}

export async function readJson<T>(...path: readonly string[]): Promise<T> {
  return JSON.parse(await readFile(join(...path), "utf8"));
}

/** What the zips of a package hold, by the zip's name and the file's. */
export async function zipsIn(folder: string): Promise<ReadonlyMap<string, ReadonlyMap<string, Buffer>>> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".zip")).sort();
  return new Map(
    await Promise.all(names.map(async (name) => [name, readZip(await readFile(join(folder, name)))] as const)),
  );
}

export function run(program: string, args: readonly string[], cwd: string, env: Env): Promise<Ended> {
  const { PATH = "" } = process.env;
  return new Promise((resolve) => {
    const options = { cwd, env: { PATH, NO_COLOR: "1", ...env }, timeout: LIMIT_MS, maxBuffer: 16_000_000 };
    execFile(program, args, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
      resolve({ code, output: stdout + stderr });
    });
  });
}
