import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** How a run ended. `thwarted`: its output was not stored, by no fault of the message. null: with its process, if at all. */
export type RunEnd = "done" | "failed" | "thwarted" | null;

/** One run of the handler, as the process it ran in wrote it down. Times: milliseconds of the monotonic clock. */
export interface Run {
  readonly number: number;
  readonly pid: number;
  /** What the handler was told. */
  readonly attempt: number;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly end: RunEnd;
}

const NS_PER_MS = 1e6;

/** Every run that workers have noted in `folder`, in the order in which they began. */
export async function readRuns(folder: string): Promise<readonly Run[]> {
  const files = (await readdir(folder)).filter((name) => name.endsWith(".runs"));
  const logs = await Promise.all(
    files.map(async (name) => parseRuns(Number.parseInt(name, 10), await readFile(join(folder, name), "utf8"))),
  );
  return logs.flat().sort((a, b) => a.startedAt - b.startedAt);
}

function parseRuns(pid: number, log: string): readonly Run[] {
  const runs = new Map<string, Run>();
  // A line that its process could not finish has no line end.
  for (const line of log.split("\n").slice(0, -1)) {
    const [event = "", number, id = "", attempt, ns] = line.split(" ");
    const at = Number(ns) / NS_PER_MS;
    const began = runs.get(id);
    if (event === "start") {
      const facts = { number: Number(number), pid, attempt: Number(attempt), startedAt: at };
      runs.set(id, { ...facts, endedAt: Number.POSITIVE_INFINITY, end: null });
    } else if (began !== undefined) {
      runs.set(id, { ...began, endedAt: at, end: event as RunEnd });
    }
  }
  return [...runs.values()];
}
