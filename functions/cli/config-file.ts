import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type { TrustSettings } from "../../shared/choria/settings.ts";
import { createTrust } from "../../shared/choria/trust.ts";
import { TrustError } from "../../shared/choria/trust-error.ts";
import type { ConfigFiles } from "../../shared/config/files.ts";
import { loadConfig } from "../../shared/config/load.ts";
import type { ConfigSource } from "../../shared/config/parse/document.ts";
import type { Environment } from "../../shared/config/parse/variables.ts";
import { propertyOf } from "../../shared/config/plain.ts";
import { ConfigError, unplaced } from "../../shared/config/problem.ts";
import { type ResolvedFiles, resolveFiles } from "../../shared/config/resolve.ts";
import type { Config } from "../../shared/config/schema.ts";

/** A configuration read from disk, with what stands in the files it names. */
export interface OpenConfig {
  readonly path: string;
  readonly config: Config;
  readonly resolved: ResolvedFiles;
}

/** Reads and checks a configuration and the files it names. Throws `ConfigError` with every problem of both at once. */
export function openConfigFile(path: string, env: Environment): OpenConfig {
  const files = filesBeside(path);
  const config = loadConfig(readConfigFile(path, env), files);
  const resolved = resolveFiles(config, files);
  checkTrust(path, config, resolved.trust);
  return { path, config, resolved };
}

/** What only validation knows of certificates and lists is asked of it now, not when the first message comes. */
function checkTrust(file: string, config: Config, settings: TrustSettings): void {
  try {
    createTrust(settings);
  } catch (cause) {
    if (!(cause instanceof TrustError)) throw cause;
    const path = ["trust", ...cause.setting.split(".")];
    const value = path.reduce<unknown>(propertyOf, config);
    const finding = { path, value, problem: cause.fault, fix: cause.fix };
    throw new ConfigError([unplaced(file, finding)], { cause });
  }
}

/** The text of a configuration file, "-" being standard input. Throws `ConfigError` when it cannot be read. */
export function readConfigFile(path: string, env: Environment): ConfigSource {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(path === "-" ? 0 : path));
    return { text, file: path, env };
  } catch (cause) {
    const fix = "name a readable YAML file (UTF-8 text)";
    throw new ConfigError([{ file: path, path: "", value: "", problem: unreadable(cause), fix }], { cause });
  }
}

/** The files a configuration names, found relative to its own folder, wherever the process was started. */
export function filesBeside(path: string): ConfigFiles {
  return { file: path, read: (name) => readFileSync(filePath(path, name), "utf8") };
}

/** Where a file lies that the configuration at `path` names. */
export function filePath(path: string, name: string): string {
  return resolve(path === "-" ? "." : dirname(path), name);
}

/** The code of a system error, else the error itself, as text. */
export function errorCode(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}

function unreadable(error: unknown): string {
  const code = errorCode(error);
  if (code === "ENOENT") return "does not exist";
  return code === "ERR_ENCODING_INVALID_ENCODED_DATA" ? "is no UTF-8 text" : `cannot be read (${code})`;
}
