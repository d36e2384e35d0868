import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";
import { freePort } from "../../../shared/nats-server/port.ts";
import { serverNameAt } from "../../../shared/nats-server/probe.ts";
import { type Authority, certificateAuthority, type Holder } from "./authority.ts";
import { choriaCommand } from "./command.ts";
import { ChoriaNode } from "./node.ts";
import { ChoriaProcess } from "./process.ts";
import { BROKER_NAME, brokerConf, clientConf, HOST, type Mode, type Registration } from "./settings.ts";
import { TokenAuthority } from "./tokens.ts";

const run = promisify(execFile);
const PKI = "pki";

export interface NetworkOptions {
  readonly mode: Mode;
  /** Path of the program, see `choriaBinary`. */
  readonly binary: string;
  /** Further settings of the broker. */
  readonly brokerSettings?: readonly string[];
}

/** A real Choria network on loopback: a broker with Choria Streams, and the nodes that were started. */
export class ChoriaNetwork {
  readonly mode: Mode;
  readonly folder: string;
  readonly authority: Authority;
  readonly broker: ChoriaProcess;
  readonly brokerConfFile: string;
  readonly url: string;
  readonly #binary: string;
  readonly #port: number;
  readonly #env: NodeJS.ProcessEnv;
  readonly #processes: ChoriaProcess[] = [];

  private constructor(parts: NetworkParts) {
    this.mode = parts.mode;
    this.folder = parts.folder;
    this.authority = parts.authority;
    this.#binary = parts.binary;
    this.#port = parts.port;
    this.#env = parts.env;
    this.url = `tls://${HOST}:${parts.port}`;
    this.brokerConfFile = join(parts.folder, "broker", "broker.conf");
    this.broker = new ChoriaProcess({
      binary: parts.binary,
      args: ["broker", "run", "--config", this.brokerConfFile],
      env: parts.env,
      logFile: join(parts.folder, "broker", "broker.log"),
      isReady: async () => (await serverNameAt(parts.port)) === BROKER_NAME,
    });
    this.#processes.push(this.broker);
  }

  /** Starts the broker; gone with the test, and the nodes with it. */
  static async start(
    t: { after(cleanUp: () => Promise<void>): void },
    { mode, binary, brokerSettings = [] }: NetworkOptions,
  ): Promise<ChoriaNetwork> {
    const folder = await mkdtemp(join(tmpdir(), `choria-bridge-${mode}-`));
    const env = await homeIn(folder);
    const pki = join(folder, PKI);
    const choria = choriaCommand(binary, env);
    const authority = mode === "v1" ? await certificateAuthority(pki) : await TokenAuthority.make(pki, choria);
    const network = new ChoriaNetwork({ mode, folder, authority, binary, env, port: await freePort() });
    t.after(() => network.#end());
    await network.#writeBrokerConf(brokerSettings);
    await network.broker.start();
    return network;
  }

  async startNode(identity: string, registration: Registration, withMachine = false): Promise<ChoriaNode> {
    const holder = await this.authority.node(identity);
    const node = await ChoriaNode.prepare({
      identity,
      folder: join(this.folder, identity),
      port: this.#port,
      registration,
      withMachine,
      security: holder.security,
      binary: this.#binary,
      env: this.#env,
    });
    this.#processes.push(node.process);
    await node.start();
    return node;
  }

  /** Runs the Choria command line as this holder; resolves with what it printed. */
  async run({ callerId, security }: Holder, args: readonly string[]): Promise<string> {
    const identity = callerId.replace("choria=", "");
    const file = join(this.folder, `${identity}.conf`);
    await writeFile(file, clientConf(this.folder, identity, this.#port, security));
    return choriaCommand(this.#binary, this.#env)([...args, "--config", file]);
  }

  /** Where the authority's files are, `ca.pem` and in v2 `issuer.seed` among them. */
  get pki(): string {
    return join(this.folder, PKI);
  }

  /** Runs a shell's commands among the authority's files, with `choria` in the path. */
  async shell(script: string): Promise<void> {
    const path = [dirname(this.#binary), this.#env["PATH"] ?? ""].join(delimiter);
    await run("bash", ["-euo", "pipefail", "-c", script], { cwd: this.pki, env: { ...this.#env, PATH: path } });
  }

  /** `connections.<name>` of a configuration, for the bridge to join as this holder. */
  connection({ files }: Holder): object {
    const { caFile: ca } = this.authority;
    const servers = [this.url];
    return "cert" in files ? { servers, tls: { ca, ...files } } : { servers, tls: { ca }, choria: files };
  }

  async #writeBrokerConf(extra: readonly string[]): Promise<void> {
    const folder = join(this.folder, "broker");
    await mkdir(folder);
    const security = await this.authority.broker();
    await writeFile(this.brokerConfFile, brokerConf({ folder, port: this.#port, security, extra }));
  }

  async #end(): Promise<void> {
    await Promise.all(this.#processes.map((process) => process.stop("SIGKILL")));
    await rm(this.folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

interface NetworkParts {
  readonly mode: Mode;
  readonly folder: string;
  readonly authority: Authority;
  readonly binary: string;
  readonly port: number;
  readonly env: NodeJS.ProcessEnv;
}

/** go-choria reads settings from the home folder too; this one has none. */
async function homeIn(folder: string): Promise<NodeJS.ProcessEnv> {
  const home = join(folder, "home");
  await mkdir(home);
  return { ...process.env, HOME: home, XDG_CONFIG_HOME: join(home, ".config"), USER: "tester" };
}
