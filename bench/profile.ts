/** The part of a `.cpuprofile` that is read here (Chrome DevTools protocol, `Profiler.Profile`). */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  /** Microseconds before each sample. */
  readonly timeDeltas: readonly number[];
}

export interface SelfTime {
  /** A function with its place, or the package it belongs to. */
  readonly name: string;
  readonly milliseconds: number;
  /** Of the time the process was not idle; of an idle process's own row, of all time. */
  readonly share: number;
}

const IDLE = "(idle)";

type Frame = CpuProfile["nodes"][number]["callFrame"];

/** Where the time went, by function, the most expensive first: time inside it, without what it calls. */
export function selfTimes(profile: CpuProfile): readonly SelfTime[] {
  return sumBy(profile, placeOf);
}

/** The same by package: the project's own files by folder, the runtime as `node`. */
export function selfTimesByPackage(profile: CpuProfile): readonly SelfTime[] {
  return sumBy(profile, packageOf);
}

function sumBy({ nodes, samples, timeDeltas }: CpuProfile, nameOf: (frame: Frame) => string): readonly SelfTime[] {
  const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  const times = new Map<string, number>();
  for (const [at, id] of samples.entries()) {
    const name = names.get(id) ?? "(unknown)";
    times.set(name, (times.get(name) ?? 0) + (timeDeltas[at] ?? 0) / 1_000);
  }
  const total = [...times.values()].reduce((sum, time) => sum + time, 0);
  const busy = total - (times.get(IDLE) ?? 0);
  return [...times]
    .map(([name, milliseconds]) => ({ name, milliseconds, share: milliseconds / (name === IDLE ? total : busy) }))
    .sort((a, b) => b.milliseconds - a.milliseconds);
}

function placeOf({ functionName, url, lineNumber }: Frame): string {
  const name = functionName === "" ? "(anonymous)" : functionName;
  return url === "" ? name : `${name} ${shortened(url)}:${lineNumber + 1}`;
}

function packageOf({ functionName, url }: Frame): string {
  if (url === "") return functionName.startsWith("(") ? functionName : "built in";
  if (url.startsWith("node:")) return "node";
  const path = shortened(url);
  const inPackage = /^((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? path;
  return url.includes("/node_modules/") ? inPackage : path.slice(0, Math.max(path.lastIndexOf("/"), 0)) || path;
}

/** A path below `node_modules`, or below the folder that the benchmark is built into. */
function shortened(url: string): string {
  return url.replace(/^.*\/node_modules\//, "").replace(/^.*\/\.build\/bench\//, "");
}

/** A table of the first rows for people. */
export function describeTimes(times: readonly SelfTime[], rows: number): string {
  return times
    .slice(0, rows)
    .map(
      ({ name, milliseconds, share }) =>
        `${milliseconds.toFixed(0).padStart(7)} ms ${(share * 100).toFixed(1).padStart(5)} %  ${name}`,
    )
    .join("\n");
}
