import { showValue } from "./mask.ts";

/** Something in a configuration that has to be mended before anything runs. */
export interface ConfigProblem {
  /** The configuration file, as it was named. */
  readonly file: string;
  /** Where in it, as `streams.inventory.subject`; empty for the whole file. */
  readonly path: string;
  /** From 1; absent when the place has no line of its own. */
  readonly line?: number;
  /** The offending value as text, secrets masked; empty when there is none. */
  readonly value: string;
  readonly problem: string;
  readonly fix: string;
}

/** A problem before it is placed in a file. */
export interface Finding {
  readonly path: readonly PropertyKey[];
  readonly value: unknown;
  readonly problem: string;
  readonly fix: string;
}

/** A configuration turned into plain values, which still knows where each of them stands. */
export interface ConfigDocument {
  readonly file: string;
  readonly value: unknown;
  /** What is wrong with its variables; it does not stop the rest from being checked. */
  readonly findings: readonly Finding[];
  place(finding: Finding): ConfigProblem;
}

/** A problem of which only the path is known, not the line. */
export function unplaced(file: string, { path, value, problem, fix }: Finding): ConfigProblem {
  return { file, path: pathText(path), value: showValue(path, value), problem, fix };
}

/** Everything wrong with a configuration, found in one go. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly code = "CONFIG_INVALID";
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[], options?: ErrorOptions) {
    super(problems.map(describeProblem).join("\n"), options);
    this.problems = problems;
  }
}

/** One line for people: `my.yaml:12 streams.inventory.discard: … (is "old"): fix`. */
export function describeProblem(problem: ConfigProblem): string {
  const place = problem.line === undefined ? problem.file : `${problem.file}:${problem.line}`;
  const path = problem.path === "" ? "" : ` ${problem.path}:`;
  const value = problem.value === "" ? "" : ` (is ${problem.value})`;
  return `${place}${path} ${problem.problem}${value}; ${problem.fix}`;
}

/** `["streams", "a", "to", 0]` as `streams.a.to[0]`. */
export function pathText(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === "number") return `${text}[${key}]`;
    return text === "" ? String(key) : `${text}.${String(key)}`;
  }, "");
}
