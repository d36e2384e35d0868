import { type ConfigFiles, type FileUse, fileUses } from "./files.ts";
import type { Finding } from "./problem.ts";
import { isSecretName, parseSecretName, type SecretName, secretNameRule } from "./secret-name.ts";

/**
 * The secrets that a configuration names, each once, sorted; of a part of one (`{ connections }`) those of the part. Names
 * that are none are left out: `checkSecretNames` finds them.
 */
export function secretNames(value: unknown): readonly SecretName[] {
  const texts = new Set(secretUses(value).map(({ name }) => name));
  return [...texts].sort().flatMap((text) => parseSecretName(text) ?? []);
}

/** Settings that are to name a secret but cannot. */
export function checkSecretNames(value: unknown): readonly Finding[] {
  return secretUses(value)
    .filter(({ name }) => parseSecretName(name) === null)
    .map(({ path, key, name }) => ({
      path: [...path, key],
      value: name,
      problem: name.startsWith("ssm:") ? "is no name of an SSM parameter" : "is no name of a secret",
      fix: secretNameRule(name),
    }));
}

/** The same files, and the values of secrets as they were fetched, by the names as they are written. */
export function withSecrets(files: ConfigFiles, secrets: ReadonlyMap<string, string>): ConfigFiles {
  return { file: files.file, read: (path) => files.read(path), secrets };
}

function secretUses(value: unknown): readonly FileUse[] {
  return fileUses(value).filter(({ name }) => isSecretName(name));
}
