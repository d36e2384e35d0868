import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseDocument } from "yaml";
import { FLEET_FOLDER } from "../../../functions/cli/simulate.ts";
import { demoConfig } from "../../../functions/cli/start/demo-config.ts";
import { openPki } from "../../../functions/simulate/pki.ts";
import { trustSection } from "../../../functions/simulate/trust.ts";
import { portOrFree } from "../../../shared/nats-server/port.ts";
import { ensureNatsServer } from "../../../shared/nats-server/provision.ts";
import { type RunningServer, startServer } from "../../../shared/nats-server/run.ts";

export interface Surroundings {
  readonly server: RunningServer;
  readonly configFile: string;
  /** The command that sends something. */
  readonly simulate: string;
}

/** Of names, so that nobody takes them for functions in AWS. */
export const FUNCTION_PREFIX = "choria-bridge-local-";
const COLLECTIVE = "mcollective";
/** Where `simulate` sends to when it is told nothing else. */
const USUAL_PORT = 4_222;

/** A nats-server, the simulated fleet's authorities, and a configuration that trusts them: nothing need be there before. */
export async function startSurroundings(
  folder: string,
  env: NodeJS.ProcessEnv,
  say: (line: string) => void,
): Promise<Surroundings> {
  const binary = await ensureNatsServer({ env, cacheDir: ".cache", log: say });
  const port = await portOrFree(USUAL_PORT);
  // An older server does not read what a newer one has stored: each version keeps its own.
  const storeDir = join(folder, `jetstream-${binary.version}`);
  const server = await startServer({ binary: binary.path, storeDir, port, ownProcessGroup: true });
  try {
    const pki = await openPki({ folder: FLEET_FOLDER, collective: COLLECTIVE, now: new Date() });
    const trust = trustSection(pki, COLLECTIVE);
    const document = parseDocument(demoConfig({ servers: [server.url], collective: COLLECTIVE, trust }));
    document.commentBefore = " Written by `npm run lambda`: what the functions, the bridge and the dispatcher run on.";
    document.set("dispatcher", { http: { port: 0 }, functionPrefix: FUNCTION_PREFIX });
    const configFile = join(folder, "choria-bridge.yaml");
    await mkdir(folder, { recursive: true });
    await writeFile(configFile, String(document));
    say(`nats-server: running at ${server.url}, its store in ${storeDir}`);
    say(`configuration: ${configFile}`);
    const servers = port === USUAL_PORT ? "" : ` --servers ${server.url}`;
    return { server, configFile, simulate: `npx choria-bridge simulate${servers}` };
  } catch (error) {
    await server.stop();
    throw error;
  }
}
