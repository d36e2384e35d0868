import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { choriaCommand } from "./command.ts";
import { ChoriaProcess } from "./process.ts";
import { BLINKER, type NodeSettings, nodeConf, statusFileIn } from "./settings.ts";

export interface NodeOptions extends Omit<NodeSettings, "machines"> {
  /** With an autonomous agent, so that there are machine events. */
  readonly withMachine: boolean;
  readonly binary: string;
  readonly env: NodeJS.ProcessEnv;
}

/** A `choria server`. */
export class ChoriaNode {
  readonly identity: string;
  readonly process: ChoriaProcess;
  /** What a node with `file_content` reports. */
  readonly inventory: string;
  readonly #confFile: string;
  readonly #statusFile: string;
  readonly #options: NodeOptions;

  private constructor(options: NodeOptions, inventory: string) {
    const { identity, folder, binary, env } = options;
    this.identity = identity;
    this.inventory = inventory;
    this.#options = options;
    this.#confFile = join(folder, "server.conf");
    this.#statusFile = statusFileIn(folder);
    this.process = new ChoriaProcess({
      binary,
      args: ["server", "run", "--config", this.#confFile],
      env,
      logFile: join(folder, "server.log"),
      isReady: () => isConnected(this.#statusFile),
    });
  }

  /** Writes its files. */
  static async prepare(options: NodeOptions): Promise<ChoriaNode> {
    const { identity, folder, withMachine } = options;
    const inventory = JSON.stringify({ node: identity, packages: { openssl: "3.0.19" }, note: "żółw ☂" });
    const machines = withMachine ? join(folder, "machines") : null;
    await mkdir(join(folder, "spool"), { recursive: true });
    if (machines !== null) {
      await mkdir(join(machines, "blinker"), { recursive: true });
      await writeFile(join(machines, "blinker", "machine.yaml"), BLINKER);
    }
    await writeFile(join(folder, "facts.yaml"), `fqdn: ${identity}\nrole: web\n`);
    await writeFile(join(folder, "classes.txt"), "profile::base\n");
    await writeFile(join(folder, "inventory.json"), inventory);
    const node = new ChoriaNode(options, inventory);
    await writeFile(node.#confFile, nodeConf({ ...options, machines }));
    return node;
  }

  /** Resolves once it is connected to the broker. */
  async start(): Promise<void> {
    await rm(this.#statusFile, { force: true });
    await this.process.start();
  }

  /** `choria tool submit`: puts a payload into the node's spool, from where it publishes it. */
  async submit(subject: string, payload: string, flags: readonly string[]): Promise<void> {
    const { binary, env, folder } = this.#options;
    const file = join(folder, "payload");
    await writeFile(file, payload);
    const args = ["tool", "submit", subject, file, ...flags, "--config", this.#confFile];
    await choriaCommand(binary, env)(args);
  }
}

/** A node tells in that file which broker it is connected to. */
async function isConnected(statusFile: string): Promise<boolean> {
  try {
    const status: unknown = JSON.parse(await readFile(statusFile, "utf8"));
    return (
      typeof status === "object" && status !== null && "connected_server" in status && status.connected_server !== ""
    );
  } catch {
    return false; // not written yet, or just being written
  }
}
