import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type { ConfigFiles } from "../../shared/config/files.ts";
import { loadConfig } from "../../shared/config/load.ts";
import type { ConfigSource } from "../../shared/config/parse/document.ts";
import { ConfigError } from "../../shared/config/problem.ts";
import { type ResolvedFiles, resolveFiles } from "../../shared/config/resolve.ts";
import type { Config } from "../../shared/config/schema.ts";

/** A configuration, and what it takes from the files it names. */
export interface OpenConfig {
  readonly config: Config;
  readonly resolved: ResolvedFiles;
}

/** Reads and checks a configuration file and every file it names. Throws `ConfigError` with all problems of both. */
export function openConfigFile(path: string, env: NodeJS.ProcessEnv): OpenConfig {
  const files = filesBeside(path);
  const config = loadConfig(readConfigFile(path, env), files);
  return { config, resolved: resolveFiles(config, files) };
}

/** The text of a configuration file, "-" being standard input. Throws `ConfigError` when it cannot be read. */
export function readConfigFile(path: string, env: NodeJS.ProcessEnv): ConfigSource {
  try {
    return { text: readFileSync(path === "-" ? 0 : path, "utf8"), file: path, env };
  } catch (error) {
    const reason = error instanceof Error && "code" in error ? String(error.code) : String(error);
    const problem = reason === "ENOENT" ? "does not exist" : `cannot be read (${reason})`;
    throw new ConfigError([{ file: path, path: "", value: "", problem, fix: "name a readable YAML file" }], {
      cause: error,
    });
  }
}

/** The files a configuration names, found relative to its own folder. */
export function filesBeside(path: string): ConfigFiles {
  const folder = path === "-" ? "." : dirname(path);
  return { file: path, read: (name) => readFileSync(resolve(folder, name), "utf8") };
}
