import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";
import { complaint } from "../../shared/nats-server/binary.ts";
import { unpackDebian } from "../../shared/nats-server/debian.ts";

const run = promisify(execFile);

/** A redis-server program that was run once to ask for its version. */
export interface RedisBinary {
  readonly path: string;
  readonly version: string;
  /** Where its libraries were unpacked; null when the system has them. */
  readonly libraries: string | null;
}

/** The server, the package that holds its program, and the libraries that a Debian without it lacks. */
const PACKAGES = ["redis-server", "redis-tools", "libjemalloc2", "liblzf1", "libatomic1"];

/**
 * Finds a redis-server in PATH or in `cacheDir`/redis, or unpacks Debian's there, without root. Rejects with what was
 * tried when none can be had.
 */
export async function ensureRedis(env: NodeJS.ProcessEnv, cacheDir: string): Promise<RedisBinary> {
  const cache = join(cacheDir, "redis");
  const failures: string[] = [];
  for (const find of [() => fromPath(env), () => fromCache(cache), () => fetchInto(cache)]) {
    const found = await find().catch((error: unknown) => complaint(error));
    if (typeof found !== "string") return found;
    failures.push(found);
  }
  throw new Error(`no redis-server: ${failures.join("; ")}`);
}

async function fromPath(env: NodeJS.ProcessEnv): Promise<RedisBinary> {
  for (const folder of (env.PATH ?? "").split(delimiter).filter((name) => name !== "")) {
    const found = await identify(join(folder, "redis-server"), null).catch(() => null);
    if (found !== null) return found;
  }
  throw new Error("none in PATH");
}

async function fromCache(cache: string): Promise<RedisBinary> {
  for (const version of await readdir(cache).catch(() => [])) {
    const found = version.startsWith(".") ? null : await unpackedIn(join(cache, version)).catch(() => null);
    if (found !== null) return found;
  }
  throw new Error("none in the cache");
}

/** Unpacks beside the cache and moves in only what ran once. */
async function fetchInto(cache: string): Promise<RedisBinary> {
  await mkdir(cache, { recursive: true });
  const workshop = await mkdtemp(join(cache, ".unpacking-"));
  try {
    await unpackDebian(workshop, PACKAGES);
    const { version } = await unpackedIn(join(workshop, "deb"));
    const target = join(cache, version);
    await rename(join(workshop, "deb"), target);
    return await unpackedIn(target);
  } finally {
    await rm(workshop, { recursive: true, force: true });
  }
}

async function unpackedIn(folder: string): Promise<RedisBinary> {
  const entries = await readdir(join(folder, "usr", "lib"), { recursive: true, encoding: "utf8" });
  const library = entries.find((name) => name.includes("libjemalloc.so"));
  const libraries = library === undefined ? null : join(folder, "usr", "lib", dirname(library));
  return identify(join(folder, "usr", "bin", "redis-server"), libraries);
}

async function identify(path: string, libraries: string | null): Promise<RedisBinary> {
  const { stdout } = await run(path, ["--version"], { timeout: 10_000, env: redisEnvironment(libraries) });
  const version = /^Redis server v=(\S+)/.exec(stdout)?.[1];
  if (version === undefined) throw new Error(`${path} is no redis-server: it answers ${JSON.stringify(stdout.trim())}`);
  return { path, version, libraries };
}

export function redisEnvironment(libraries: string | null): NodeJS.ProcessEnv {
  return libraries === null ? {} : { LD_LIBRARY_PATH: libraries };
}
