import { readdir } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { BINARY_NAME, compareVersions, identify, type NatsServerBinary } from "./binary.ts";

/** The program that `NATS_SERVER` names, or null when the variable is not set. Rejects when it names no nats-server. */
export async function fromEnvironment(env: NodeJS.ProcessEnv): Promise<NatsServerBinary | null> {
  const path = env.NATS_SERVER;
  if (path === undefined || path === "") return null;
  return identify(path).catch((error: Error) => {
    // Whoever names a server means that one: going on to another would test or run something else in silence.
    throw new Error(`NATS_SERVER: ${error.message}`, { cause: error });
  });
}

/** The first nats-server in PATH that runs. Debian installs it to /usr/sbin, which few users have in their PATH. */
export async function fromPath(env: NodeJS.ProcessEnv): Promise<NatsServerBinary | null> {
  if (env.PATH === undefined || env.PATH === "") return null;
  const folders = [...env.PATH.split(delimiter).filter((folder) => folder !== ""), "/usr/sbin"];
  for (const folder of folders) {
    const found = await identify(join(folder, BINARY_NAME)).catch(() => null);
    if (found !== null) return found;
  }
  return null;
}

/** The newest cached server, or exactly `version` when one is asked for. */
export async function fromCache(folder: string, version?: string): Promise<NatsServerBinary | null> {
  const names = version === undefined ? await readdir(folder).catch(() => []) : [version];
  const versions = names.filter((name) => /^\d/.test(name)).sort((a, b) => compareVersions(b, a));
  for (const name of versions) {
    const found = await identify(join(folder, name, BINARY_NAME)).catch(() => null);
    if (found !== null) return found;
  }
  return null;
}
