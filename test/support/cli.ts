import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliProcess {
  readonly child: ChildProcess;
  /** What it has printed so far. */
  readonly output: { stdout: string; stderr: string };
  readonly ended: Promise<CliResult>;
}

export interface CliSurroundings {
  /** In a process group of its own, as a shell starts it: Ctrl-C is a signal to `-child.pid`. */
  readonly detached?: boolean;
  /** What stands on its standard input; nothing by default. */
  readonly input?: Uint8Array;
}

/** Starts the built CLI, as `npx choria-bridge` would. */
export function startCli(
  args: readonly string[],
  env: Record<string, string> = {},
  { detached = false, input = new Uint8Array() }: CliSurroundings = {},
): CliProcess {
  const child = spawn(process.execPath, ["bin/choria-bridge.js", ...args], {
    cwd: root,
    env: { ...process.env, ...env },
    detached,
    stdio: "pipe",
  });
  child.stdin.on("error", () => {}).end(input); // a command that does not read it may be gone already
  const output = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output.stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    output.stderr += text;
  });
  const ended = once(child, "close").then(([code]) => ({ code: code as number | null, ...output }));
  return { child, output, ended };
}

/** Runs the built CLI to its end. */
export function runCli(
  args: readonly string[],
  env: Record<string, string> = {},
  surroundings: CliSurroundings = {},
): Promise<CliResult> {
  return startCli(args, env, surroundings).ended;
}
