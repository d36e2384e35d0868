import type { Finding } from "../problem.ts";
import type { Config } from "../schema.ts";
import { durationText } from "../units.ts";

/** A mark must outlast the write it stands for, and the wait for one whose process has died. */
const SHORTEST_ONCE_MS = 60_000;

export function checkSinks({ sinks }: Config): readonly Finding[] {
  return Object.entries(sinks).flatMap(([name, { once }]): Finding[] => {
    if (once === undefined || once >= SHORTEST_ONCE_MS) return [];
    const problem = "is shorter than a write and its retries may take";
    const fix = `make it ${durationText(SHORTEST_ONCE_MS)} or more`;
    return [{ path: ["sinks", name, "once"], value: durationText(once), problem, fix }];
  });
}
