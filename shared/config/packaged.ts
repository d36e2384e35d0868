import { accept, readConfig } from "./accept.ts";
import { type Environment, plainValue, replaceVariables } from "./parse/variables.ts";
import { type Finding, pathText, unplaced } from "./problem.ts";
import type { Config } from "./schema.ts";

interface Packaged {
  readonly config: unknown;
  readonly bare: readonly (readonly PropertyKey[])[];
}

/**
 * Reads a configuration that the build packed as JSON (`packDocument`), so that a function's bundle needs no YAML parser.
 * `file` is only for messages. Throws `ConfigError` with every problem at once.
 */
export function readPackaged(text: string, file: string, env: Environment): Config {
  const { config, bare }: Packaged = JSON.parse(text);
  const unquoted = new Set(bare.map(pathText));
  const findings: Finding[] = [];
  const value = replaced(config, []);
  const read = readConfig(value);
  const document = { file, value, findings, place: (finding: Finding) => unplaced(file, finding) };
  return accept(document, read.value, read.findings);

  function replaced(part: unknown, path: readonly PropertyKey[]): unknown {
    if (typeof part === "string") return textOf(part, path);
    if (Array.isArray(part)) return part.map((item, index) => replaced(item, [...path, index]));
    if (typeof part !== "object" || part === null) return part;
    return Object.fromEntries(Object.entries(part).map(([key, inner]) => [key, replaced(inner, [...path, key])]));
  }

  function textOf(written: string, path: readonly PropertyKey[]): unknown {
    if (!written.includes("${")) return written;
    const text = replaceVariables(written, env, (found, problem, fix) =>
      findings.push({ path, value: found, problem, fix }),
    );
    return unquoted.has(pathText(path)) ? plainValue(text) : text;
  }
}
