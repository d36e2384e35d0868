import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { serverNameAt } from "./probe.ts";

export interface LaunchSettings {
  readonly binary: string;
  /** null: a new one. */
  readonly name: string | null;
  readonly storeDir: string;
  readonly port: number;
  readonly monitorPort: number | null;
  readonly configFile: string | null;
  readonly ownProcessGroup: boolean;
}

/** One run of the program. */
export interface Launch {
  readonly child: ChildProcess;
  readonly pid: number;
  output(): string;
}

const START_TIMEOUT_MS = 30_000;
const PROBE_EVERY_MS = 20;
const OUTPUT_CHARACTERS = 65_536;
const SETPRIV = "/usr/bin/setpriv";

const children = new Set<ChildProcess>();

/** Starts the program and waits until it takes connections; rejects with what it printed when it does not. */
export async function launch(settings: LaunchSettings): Promise<Launch> {
  const name = settings.name ?? randomUUID();
  const child = spawnBound(settings.binary, argumentsOf(settings, name), settings.ownProcessGroup);
  const output = collectOutput(child);
  let failure: string | null = null;
  child.once("error", (error) => {
    failure = error.message;
  });
  child.once("exit", (code, signal) => {
    failure ??= `exited with ${signal ?? code}`;
  });
  for (const deadline = Date.now() + START_TIMEOUT_MS; failure === null; await wait(PROBE_EVERY_MS)) {
    // By name: if the port was taken, whoever answers there is not ours.
    if ((await serverNameAt(settings.port)) === name && child.pid !== undefined)
      return { child, pid: child.pid, output };
    if (Date.now() > deadline) failure = `took no connections within ${START_TIMEOUT_MS / 1_000} s`;
  }
  child.kill("SIGKILL");
  throw new Error(`nats-server ${settings.binary} on port ${settings.port} ${failure}:\n${output()}`);
}

function argumentsOf({ port, storeDir, monitorPort, configFile }: LaunchSettings, name: string): readonly string[] {
  return [
    ...["--addr", "127.0.0.1", "--port", String(port), "--name", name, "--jetstream", "--store_dir", storeDir],
    ...(monitorPort === null ? [] : ["--http_port", String(monitorPort)]),
    ...(configFile === null ? [] : ["--config", configFile]),
  ];
}

/** Starts a child that goes when this process goes: on exit everywhere; on Linux also when it is killed with -9. */
function spawnBound(program: string, args: readonly string[], ownProcessGroup: boolean): ChildProcess {
  const bound = existsSync(SETPRIV);
  const command = bound ? [SETPRIV, "--pdeathsig", "KILL", program, ...args] : [program, ...args];
  const child = spawn(command[0] ?? program, command.slice(1), {
    detached: ownProcessGroup,
    stdio: ["ignore", "pipe", "pipe"],
  });
  process.off("exit", killChildren).once("exit", killChildren);
  children.add(child);
  child.once("exit", () => children.delete(child));
  return child;
}

function killChildren(): void {
  for (const child of children) child.kill("SIGKILL");
}

function collectOutput(child: ChildProcess): () => string {
  let kept = "";
  const keep = (chunk: Buffer): void => {
    kept = (kept + chunk.toString()).slice(-OUTPUT_CHARACTERS);
  };
  child.stdout?.on("data", keep);
  child.stderr?.on("data", keep);
  return () => kept;
}
