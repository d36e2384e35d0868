import type { ChildProcess } from "node:child_process";
import { randomUUID } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import { collectOutput, spawnBound } from "./bound-child.ts";
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

/** Starts the program and waits until it takes connections; rejects with what it printed when it does not. */
export async function launch(settings: LaunchSettings): Promise<Launch> {
  const name = settings.name ?? randomUUID();
  const child = spawnBound(settings.binary, argumentsOf(settings, name), { detached: settings.ownProcessGroup });
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
