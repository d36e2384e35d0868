import { readFileSync } from "node:fs";
import { basename, dirname, relative, resolve } from "node:path";
import { readConfigFile } from "../../../functions/cli/config-file.ts";
import { accept, readConfig } from "../../../shared/config/accept.ts";
import { FileReader, type FileUse, fileUses } from "../../../shared/config/files.ts";
import { type ConfigSource, packDocument, readDocument } from "../../../shared/config/parse/document.ts";
import type { Environment } from "../../../shared/config/parse/variables.ts";
import { propertyOf } from "../../../shared/config/plain.ts";
import type { ConfigDocument, Finding } from "../../../shared/config/problem.ts";
import type { Config } from "../../../shared/config/schema.ts";
import { isSecretName } from "../../../shared/config/secret-name.ts";

/** A configuration that was found good, and what a function's folder holds of it. */
export interface LambdaSource {
  /** The folder of the configuration: references to handlers are relative to it. */
  readonly folder: string;
  readonly config: Config;
  /** Files of every function, by name: the configuration as JSON, and the certificates that its connections name. */
  readonly files: ReadonlyMap<string, string>;
}

/** What connections may name as files of a package: the others are secrets, and a package is no place for them. */
const PUBLIC = new Set(["ca", "cert"]);

/**
 * Reads and checks a configuration for packaging, with the variables that the functions will have; `shell` has those of
 * whoever packages, for messages alone. Throws `ConfigError` with every problem at once. Variables stay as they are
 * written; they are replaced in the function.
 */
export function readSource(file: string, env: Environment, shell: Environment = {}): LambdaSource {
  const { text } = readConfigFile(file, env);
  const folder = dirname(resolve(file));
  const document = readWritten({ text, file: relative(".", file), env }, shell);
  const read = readConfig(document.value);
  // Those of `trust` are not for the functions: a message is judged once, when the bridge receives it.
  const connections = { connections: propertyOf(document.value, "connections") };
  const uses = fileUses(connections).filter(({ name }) => !isSecretName(name));
  const files = new FileReader({ file, read: (name) => readFileSync(resolve(folder, name), "utf8") });
  const certificates = uses.filter(({ key }) => PUBLIC.has(key)).map((use) => ({ use, content: files.read(use) }));
  const secrets = uses.filter(({ key }) => !PUBLIC.has(key)).map(secretFile);
  const findings = [...read.findings, ...files.findings, ...secrets];
  const config = accept(document, read.value, findings);
  return { folder, config, files: packedFiles(text, certificates) };
}

function readWritten(source: ConfigSource, shell: Environment): ConfigDocument {
  const document = readDocument(source);
  return { ...document, findings: document.findings.map((finding) => ofFunctions(finding, shell)) };
}

/** That a variable is not set is a matter of the functions: to set it in the shell would change nothing. */
function ofFunctions(finding: Finding, shell: Environment): Finding {
  const [, name] = /^\$\{([A-Za-z_]\w*)\}$/.exec(String(finding.value)) ?? [];
  if (name === undefined) return finding;
  const problem =
    shell[name] === undefined
      ? `environment variable ${name} is not known to be set in the functions`
      : `environment variable ${name} is set in this shell only, and the functions will not have it`;
  const fix = `set it under provider.environment in serverless.yml, or write \${${name}:-default}`;
  return { ...finding, problem, fix };
}

function secretFile({ path, key, name }: FileUse): Finding {
  const problem = "names a file, and a secret in a package can be read by everybody who may see the function";
  const fix = 'store it and name it as "ssm:/name" or "secretsmanager:name"';
  return { path: [...path, key], value: name, problem, fix };
}

/** Certificates get names of their own: those in the configuration may lead anywhere on the machine that packages. */
function packedFiles(
  text: string,
  certificates: readonly { readonly use: FileUse; readonly content: string }[],
): ReadonlyMap<string, string> {
  const packed = packDocument(text);
  const named = certificates.map(({ use, content }, index) => {
    const name = `${index}-${basename(use.name)}`;
    rename(packed.config, [...use.path, use.key], name);
    return [name, content] as const;
  });
  return new Map([["config.json", JSON.stringify(packed)], ...named]);
}

function rename(value: unknown, [key, ...rest]: readonly PropertyKey[], name: string): void {
  if (typeof value !== "object" || value === null || key === undefined) return;
  if (rest.length === 0) Reflect.set(value, key, name);
  else rename(Reflect.get(value, key), rest, name);
}
