import { readdir, readFile } from "node:fs/promises";
import { setTimeout as wait } from "node:timers/promises";

const POLL_EVERY_MS = 2;
const LONGEST_MS = 1_000;

/**
 * Resolves once every thread of a process that was sent SIGSTOP has stopped: on a busy machine one of them may still
 * answer requests for a moment. Where the system does not tell (no /proc), at once.
 */
export async function frozen(pid: number): Promise<void> {
  for (const deadline = Date.now() + LONGEST_MS; Date.now() < deadline; await wait(POLL_EVERY_MS)) {
    const states = await threadStates(pid);
    if (states.every((state) => state === "T")) return;
  }
}

/** States as in proc(5), `T` for stopped; a thread that ended meanwhile has none, nor has anything without /proc. */
async function threadStates(pid: number): Promise<readonly string[]> {
  const folder = `/proc/${pid}/task`;
  const threads = await readdir(folder).catch(() => []);
  const stats = await Promise.all(threads.map((id) => readFile(`${folder}/${id}/stat`, "utf8").catch(() => null)));
  // The name before the state stands in parentheses and may itself hold anything.
  return stats.filter((stat) => stat !== null).map((stat) => stat.slice(stat.lastIndexOf(")") + 2).charAt(0));
}
