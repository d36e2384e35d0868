import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ensureNatsServer } from "../../../shared/nats-server/provision.ts";
import { type RunningServer, startServer } from "../../../shared/nats-server/run.ts";
import { openPki } from "../../simulate/pki.ts";
import { trustSection } from "../../simulate/trust.ts";
import { demoConfig } from "./demo-config.ts";

export interface Demo {
  readonly server: RunningServer;
  /** The configuration that was written, for the newcomer to read. */
  readonly configFile: string;
  /** Where the simulated fleet keeps its keys. */
  readonly fleetFolder: string;
}

export interface DemoOptions {
  readonly env: NodeJS.ProcessEnv;
  /** Where everything the demo makes is kept, and found again by the next start. */
  readonly folder: string;
  readonly collective: string;
  readonly say: (line: string) => void;
}

/** A nats-server, a simulated fleet's authorities and a configuration that trusts them: nothing need be there before. */
export async function startDemo({ env, folder, collective, say }: DemoOptions): Promise<Demo> {
  const binary = await ensureNatsServer({ env, cacheDir: ".cache", log: say });
  // An older server does not read what a newer one has stored: each version keeps its own.
  const storeDir = join(folder, `jetstream-${binary.version}`);
  const server = await startServer({ binary: binary.path, storeDir, monitor: true, ownProcessGroup: true });
  say(`nats-server: running at ${server.url}, its store in ${storeDir}`);
  try {
    const fleetFolder = join(folder, "fleet");
    const pki = await openPki({ folder: fleetFolder, collective, now: new Date() });
    const trust = trustSection(pki, collective);
    const configFile = join(folder, "choria-bridge.yaml");
    await mkdir(folder, { recursive: true });
    await writeFile(configFile, demoConfig({ servers: [server.url], collective, trust }));
    say(`configuration: ${configFile}`);
    return { server, configFile, fleetFolder };
  } catch (error) {
    await server.stop();
    throw error;
  }
}
