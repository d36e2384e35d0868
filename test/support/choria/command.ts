import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);
const LIMIT_MS = 60_000;

/** Runs go-choria's own command line; resolves with what it printed. */
export type RunChoria = (args: readonly string[]) => Promise<string>;

export function choriaCommand(binary: string, env: NodeJS.ProcessEnv): RunChoria {
  return async (args) => {
    const running = run(binary, args, { env, timeout: LIMIT_MS });
    running.child.stdin?.end(); // `choria req` takes the names of nodes from a pipe, for as long as it is open
    return (await running).stdout;
  };
}
