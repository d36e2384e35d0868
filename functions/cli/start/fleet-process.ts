import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fromSimulatorSchema, type ToSimulator } from "../../simulate/ipc.ts";
import type { FleetProtocol } from "../../simulate/node.ts";
import type { FleetReport } from "../../simulate/report.ts";

export interface FleetProcessOptions {
  /** The script of this command line, `process.argv[1]`. */
  readonly script: string;
  readonly nodes: number;
  readonly intervalMs: number;
  readonly protocol: FleetProtocol;
  readonly badPercent: number;
  readonly servers: readonly string[];
  readonly dataDir: string;
  readonly collective: string;
}

/** `choria-bridge simulate` as a child process: its signing must not slow the bridge that is watched. */
export class FleetProcess {
  readonly #child: ChildProcess;
  readonly #exited: Promise<readonly unknown[]>;
  #latest: FleetReport | null = null;
  #final: FleetReport | null = null;

  constructor(options: FleetProcessOptions) {
    // Ctrl-C reaches the whole process group: the child stops and reports by itself, at most a second report is asked for.
    this.#child = fork(options.script, simulateArguments(options), { stdio: ["ignore", "ignore", "inherit", "ipc"] });
    this.#exited = once(this.#child, "exit");
    this.#child.on("message", (message) => this.#take(message));
  }

  /** Messages the server has taken so far, as the fleet told within the last second. */
  get sent(): number {
    return this.#latest?.sent ?? 0;
  }

  /** Resolves when the process has ended, with what it ended with: `SIGKILL`, `exit code 1`. */
  async ended(): Promise<string> {
    const [code, signal] = await this.#exited;
    return signal === null ? `exit code ${code}` : String(signal);
  }

  /** Ends the fleet; resolves with what it sent in all, or null when it ended before it could say so. */
  async stop(): Promise<FleetReport | null> {
    const stop: ToSimulator = { type: "stop" };
    if (this.#child.connected) this.#child.send(stop, () => {}); // it may be gone by now: then it has reported
    await this.#exited;
    return this.#final;
  }

  #take(message: unknown): void {
    const { type, report } = fromSimulatorSchema.parse(message);
    this.#latest = report;
    if (type === "done") this.#final = report;
  }
}

function simulateArguments(options: FleetProcessOptions): string[] {
  const values = {
    nodes: options.nodes,
    interval: `${options.intervalMs}ms`,
    protocol: options.protocol,
    bad: options.badPercent,
    data: options.dataDir,
    collective: options.collective,
  };
  const named = Object.entries(values).flatMap(([name, value]) => [`--${name}`, String(value)]);
  return ["simulate", ...named, "--servers", ...options.servers];
}
