import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { frozen } from "./frozen.ts";
import { type Launch, launch } from "./launch.ts";
import { freePort } from "./port.ts";

export interface ServerOptions {
  /** Path of the nats-server program. */
  readonly binary: string;
  /** Where JetStream keeps its files; made when missing, never removed. */
  readonly storeDir: string;
  /** Default: a free one. */
  readonly port?: number;
  /** A cluster knows its servers by their names, so one that is started again has to keep its own. Default: new each time. */
  readonly name?: string;
  /** Also serve HTTP monitoring, on a free loopback port. */
  readonly monitor?: boolean;
  /** Further server configuration (accounts, TLS…), in nats-server's own syntax. */
  readonly config?: string;
  /** Out of reach of the terminal's Ctrl-C, which would end it before whoever uses it could store what is in hand. */
  readonly ownProcessGroup?: boolean;
}

export interface RunningServer {
  readonly url: string;
  readonly port: number;
  readonly monitorUrl: string | null;
  /** Of the process that runs now: it changes with `restart`. */
  readonly pid: number;
  /** What the server printed since it was started last (the latest 64 KiB). */
  readonly output: string;
  /** Ends it in an orderly way, a stopped (SIGSTOP) one too; resolves once it is gone. */
  stop(): Promise<void>;
  /** Sends a signal. Resolves once the process is gone; for SIGSTOP once it stands still, for SIGCONT at once. */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Starts it again on the same port and store, stopping it first where it runs. */
  restart(): Promise<void>;
}

const STOP_GRACE_MS = 5_000;
const PORT_TRIES = 3;

/** Starts a nats-server with JetStream on loopback; resolves once it takes connections. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  await mkdir(options.storeDir, { recursive: true });
  const monitorPort = options.monitor === true ? await freePort() : null;
  const configFile = options.config === undefined ? null : await writeConfig(options.storeDir, options.config);
  const { binary, name = null, storeDir, ownProcessGroup = false } = options;
  for (let attempt = 1; ; attempt += 1) {
    const settings = {
      binary,
      name,
      storeDir,
      monitorPort,
      configFile,
      ownProcessGroup,
      port: options.port ?? (await freePort()),
    };
    try {
      return new ServerProcess(settings, await launch(settings));
    } catch (error) {
      // Between finding a free port and listening on it another process may have taken it.
      const taken = error instanceof Error && error.message.includes("address already in use");
      if (!taken || options.port !== undefined || attempt === PORT_TRIES) throw error;
    }
  }
}

async function writeConfig(storeDir: string, config: string): Promise<string> {
  const file = join(storeDir, "nats-server.conf");
  await writeFile(file, config);
  return file;
}

type Settings = Parameters<typeof launch>[0];

class ServerProcess implements RunningServer {
  readonly #settings: Settings;
  #current: Launch;

  constructor(settings: Settings, current: Launch) {
    this.#settings = settings;
    this.#current = current;
  }

  get url(): string {
    return `nats://127.0.0.1:${this.port}`;
  }

  get port(): number {
    return this.#settings.port;
  }

  get monitorUrl(): string | null {
    const { monitorPort } = this.#settings;
    return monitorPort === null ? null : `http://127.0.0.1:${monitorPort}`;
  }

  get pid(): number {
    return this.#current.pid;
  }

  get output(): string {
    return this.#current.output();
  }

  async stop(): Promise<void> {
    const { child } = this.#current;
    const force = setTimeout(() => child.kill("SIGKILL"), STOP_GRACE_MS);
    child.kill("SIGCONT"); // a stopped process takes no other signal than SIGKILL
    await this.kill("SIGTERM");
    clearTimeout(force);
  }

  async kill(signal: NodeJS.Signals): Promise<void> {
    const { child } = this.#current;
    if (!isRunning(child)) return;
    const gone = once(child, "exit");
    child.kill(signal);
    if (signal === "SIGSTOP") await frozen(this.pid);
    else if (signal !== "SIGCONT") await gone;
  }

  async restart(): Promise<void> {
    await this.stop();
    this.#current = await launch(this.#settings);
  }
}

function isRunning(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null;
}
