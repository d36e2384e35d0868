// The Choria that the fleet tests run: go-choria as a Go module, built once for its pins under .cache/choria.
//
//   node --import tsx test/support/choria/program/binary.ts     builds it when it is missing, prints its path
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, rename, rm } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { argv } from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { complaint } from "../../../../shared/nats-server/binary.ts";
import { withLock } from "./lock.ts";

const run = promisify(execFile);
const PROGRAM = fileURLToPath(new URL(".", import.meta.url));
const CACHE = fileURLToPath(new URL("../../../../.cache/choria", import.meta.url));
/** An empty build cache and two busy cores: 6 minutes. */
const BUILD_LIMIT_MS = 1_200_000;
/** Where Go's own installer puts it, for shells that do not have it in their PATH. */
const USUAL_PLACE = "/usr/local/go/bin";

/** An executable, or one sentence that says why there is none. */
export type ChoriaBinary =
  | { readonly ok: true; readonly path: string }
  | { readonly ok: false; readonly reason: string };

/**
 * The program that `CHORIA` names, the one in the cache, or one that is built there with Go and its module proxy (GOPROXY,
 * GOFLAGS and the like count). `CHORIA_MISSING` says that this was tried already, and why it failed.
 */
export async function choriaBinary(env: NodeJS.ProcessEnv): Promise<ChoriaBinary> {
  if (env["CHORIA"] !== undefined) return { ok: true, path: env["CHORIA"] };
  if (env["CHORIA_MISSING"] !== undefined) return { ok: false, reason: env["CHORIA_MISSING"] };
  try {
    return { ok: true, path: await build(env, (line) => console.error(line)) };
  } catch (error) {
    return { ok: false, reason: `no Choria to test with: ${complaint(error)}` };
  }
}

async function build(env: NodeJS.ProcessEnv, log: (line: string) => void): Promise<string> {
  const { version, digest } = await pins();
  const folder = join(CACHE, `${version}-${digest}`);
  const program = join(folder, "choria");
  if (existsSync(program)) return program;
  await mkdir(folder, { recursive: true });
  await withLock(join(folder, "lock"), async () => {
    if (existsSync(program)) return; // another process was quicker
    const draft = `${program}.${process.pid}`;
    log(`choria: building go-choria ${version} into ${folder}; without Go's build cache that takes 2 to 6 minutes`);
    try {
      await goBuild(draft, env);
      await rename(draft, program);
    } finally {
      await rm(draft, { force: true });
    }
    log(`choria: go-choria ${version} is built`);
  });
  return program;
}

async function goBuild(output: string, env: NodeJS.ProcessEnv): Promise<void> {
  const path = [env["PATH"] ?? "", USUAL_PLACE].join(delimiter);
  const args = ["build", "-mod=readonly", "-buildvcs=false", "-ldflags=-s -w", "-o", output, "."];
  const options = { cwd: PROGRAM, env: { ...env, PATH: path }, timeout: BUILD_LIMIT_MS, maxBuffer: 64 * 1024 * 1024 };
  await run("go", args, options).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") throw new Error(`Go is not installed (neither in PATH nor in ${USUAL_PLACE})`);
    throw cause;
  });
}

/** What the build depends on: another digest is another folder. */
async function pins(): Promise<{ version: string; digest: string }> {
  const files = await Promise.all(["go.mod", "go.sum", "main.go"].map((name) => readFile(join(PROGRAM, name), "utf8")));
  const version = /go-choria (v\S+)/.exec(files[0] ?? "")?.[1];
  if (version === undefined) throw new Error(`${PROGRAM}/go.mod requires no go-choria`);
  return { version, digest: createHash("sha256").update(files.join("\0")).digest("hex").slice(0, 12) };
}

async function main(): Promise<void> {
  const binary = await choriaBinary(process.env);
  if (binary.ok) console.log(binary.path);
  else console.error(binary.reason);
  process.exitCode = binary.ok ? 0 : 1;
}

if (argv[1] === fileURLToPath(import.meta.url)) await main();
