import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

/** A nats-server program that was run once to ask for its version. */
export interface NatsServerBinary {
  readonly path: string;
  /** As the program tells it, without the "v": `2.15.1`. */
  readonly version: string;
}

/** Debian 12's version, and the oldest this project is tested on. */
export const OLDEST_VERSION = "2.9.10";

export const BINARY_NAME = process.platform === "win32" ? "nats-server.exe" : "nats-server";

/** Runs `PATH --version`; rejects with one readable sentence when that is no nats-server that runs here. */
export async function identify(path: string): Promise<NatsServerBinary> {
  const { stdout } = await run(path, ["--version"], { timeout: 10_000 }).catch((error: unknown) => {
    throw new Error(`${path} does not run: ${complaint(error)}`, { cause: error });
  });
  const version = /nats-server: v(\S+)/.exec(stdout)?.[1];
  if (version === undefined)
    throw new Error(`${path} is not a nats-server: it answers ${JSON.stringify(stdout.trim())}`);
  if (compareVersions(version, OLDEST_VERSION) < 0) {
    throw new Error(`${path} is ${version}, older than ${OLDEST_VERSION}, the oldest that is tested`);
  }
  return { path, version };
}

/** Below, equal to or above zero as `left` is older than, the same as or newer than `right`. */
export function compareVersions(left: string, right: string): number {
  const [a, b] = [numbers(left), numbers(right)];
  const at = [0, 1, 2].find((index) => a[index] !== b[index]);
  return at === undefined ? 0 : (a[at] ?? 0) - (b[at] ?? 0);
}

function numbers(version: string): number[] {
  return version.split(".", 3).map((part) => Number.parseInt(part, 10));
}

/** What a person needs of a failed child process: the line it complained with, not the whole command. */
export function complaint(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const stderr = "stderr" in error && typeof error.stderr === "string" ? error.stderr.trim() : "";
  if (stderr === "") return error.message.split("\n")[0] ?? "";
  const lines = stderr.split("\n");
  // pip follows its error with notices about itself, apt-get precedes it with warnings.
  return lines.findLast((line) => /^(error|E):/i.test(line)) ?? lines.at(-1) ?? "";
}
