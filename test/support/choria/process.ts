import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { collectOutput, spawnBound } from "../../../shared/nats-server/bound-child.ts";

const READY_LIMIT_MS = 60_000;
const LOOK_EVERY_MS = 50;
const STOP_GRACE_MS = 15_000;
const LOG_SHOWN = 4_000;

export interface ChoriaCommand {
  readonly binary: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly logFile: string;
  /** Whether it does its work, by asking from outside; asked again until it says so. */
  readonly isReady: () => Promise<boolean>;
}

/** A broker or a node: can be stopped in an orderly way, killed, and started again as it was. */
export class ChoriaProcess {
  readonly #command: ChoriaCommand;
  #child: ChildProcess | null = null;

  constructor(command: ChoriaCommand) {
    this.#command = command;
  }

  /** Resolves once it is ready; rejects with its log when it ends instead. */
  async start(): Promise<void> {
    const { binary, args, env, isReady } = this.#command;
    const child = spawnBound(binary, args, { env });
    const output = collectOutput(child);
    this.#child = child;
    let failure: string | null = null;
    child.once("error", ({ message }) => {
      failure = message;
    });
    for (const deadline = Date.now() + READY_LIMIT_MS; !(await isReady()); await wait(LOOK_EVERY_MS)) {
      if (child.exitCode !== null || child.signalCode !== null)
        failure ??= `ended with ${child.exitCode ?? child.signalCode}`;
      if (Date.now() > deadline) failure ??= `was not ready within ${READY_LIMIT_MS / 1_000} s`;
      if (failure !== null) {
        child.kill("SIGKILL");
        throw new Error(`choria ${args.join(" ")} ${failure}:\n${output()}\n${this.log}`);
      }
    }
  }

  /** SIGTERM is an orderly stop, with which a node says goodbye. Resolves once the process is gone. */
  async stop(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    const child = this.#child;
    if (child === null || child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    const force = setTimeout(() => child.kill("SIGKILL"), STOP_GRACE_MS);
    child.kill(signal);
    await gone;
    clearTimeout(force);
  }

  /** The end of its log file. */
  get log(): string {
    const { logFile } = this.#command;
    return existsSync(logFile) ? readFileSync(logFile, "utf8").slice(-LOG_SHOWN) : "";
  }
}
