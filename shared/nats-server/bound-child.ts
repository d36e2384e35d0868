import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { existsSync } from "node:fs";

const SETPRIV = "/usr/bin/setpriv";
const OUTPUT_CHARACTERS = 65_536;

const children = new Set<ChildProcess>();

/** Starts a child that goes when this process goes: on exit everywhere; on Linux also when it is killed with -9. */
export function spawnBound(
  program: string,
  args: readonly string[],
  options: Pick<SpawnOptions, "cwd" | "detached" | "env">,
): ChildProcess {
  const bound = existsSync(SETPRIV);
  const command = bound ? [SETPRIV, "--pdeathsig", "KILL", program, ...args] : [program, ...args];
  const child = spawn(command[0] ?? program, command.slice(1), { ...options, stdio: ["ignore", "pipe", "pipe"] });
  process.off("exit", killChildren).once("exit", killChildren);
  children.add(child);
  child.once("exit", () => children.delete(child));
  return child;
}

function killChildren(): void {
  for (const child of children) child.kill("SIGKILL");
}

/** Returns a function that tells what the child has printed so far, the latest of it. */
export function collectOutput(child: ChildProcess): () => string {
  let kept = "";
  const keep = (chunk: Buffer): void => {
    kept = (kept + chunk.toString()).slice(-OUTPUT_CHARACTERS);
  };
  child.stdout?.on("data", keep);
  child.stderr?.on("data", keep);
  return () => kept;
}
