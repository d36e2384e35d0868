import * as z from "zod";
import type { TrustSettings } from "../choria/settings.ts";
import { accept, type Reading, readConfig } from "./accept.ts";
import { checkPresence } from "./checks/presence.ts";
import { checkTrust } from "./checks/trust.ts";
import { type ConfigFiles, FileReader, fileUses } from "./files.ts";
import { type ConfigSource, readDocument } from "./parse/document.ts";
import { findingsOf } from "./parse/issues.ts";
import type { Environment } from "./parse/variables.ts";
import { entriesOf } from "./plain.ts";
import type { ConfigDocument, Finding } from "./problem.ts";
import { trustSettings } from "./resolve.ts";
import { type Config, type TrustConfig, trustSchema } from "./schema.ts";
import { schemaNode } from "./schema-node.ts";
import { checkSecretNames } from "./secrets.ts";

const trustOnlySchema = z.object({ trust: trustSchema });

/**
 * Parses, completes and checks a configuration; files it names are not looked at. `file` is only for messages. Throws
 * `ConfigError` with every problem at once: variables, unknown keys, values, and what does not fit together.
 */
export function parseConfig(text: string, file: string, env: Environment): Config {
  const document = readDocument({ text, file, env });
  const { value, findings } = readConfig(document.value);
  return accept(document, value, findings);
}

/** As `parseConfig`, and the files that the configuration names are checked too: every problem of both comes together. */
export function loadConfig(source: ConfigSource, files: ConfigFiles): Config {
  const document = readDocument(source);
  const { value, findings } = readConfig(document.value);
  return accept(document, value, [...findings, ...checkFiles(document.value, files)]);
}

/** Parses the `trust` section alone, for those who judge messages without a server; the others are not looked at. */
export function parseTrust(text: string, file: string, env: Environment): TrustConfig {
  const document = onlyTrust(readDocument({ text, file, env }));
  const { value, findings } = readTrust(document);
  return accept(document, value, findings);
}

/** As `parseTrust`, with the files that it names. Throws `ConfigError` with every problem of both. */
export function loadTrust(source: ConfigSource, files: ConfigFiles): TrustSettings {
  const document = onlyTrust(readDocument(source));
  const { value, findings } = readTrust(document);
  const trust = accept(document, value, [...findings, ...checkFiles(document.value, files)]);
  return trustSettings({ trust }, files);
}

function readTrust(document: ConfigDocument): Reading<TrustConfig> {
  const written = [...checkPresence(document.value), ...checkSecretNames(document.value)];
  const parsed = trustOnlySchema.safeParse(document.value);
  if (parsed.success) return { value: parsed.data.trust, findings: [...written, ...checkTrust(parsed.data.trust)] };
  const refused = findingsOf(parsed.error.issues, document.value, schemaNode(trustOnlySchema));
  return { value: undefined, findings: [...refused, ...written] };
}

function checkFiles(value: unknown, files: ConfigFiles): readonly Finding[] {
  const reader = new FileReader(files);
  const namedBadly = new Set(checkSecretNames(value).map((finding) => finding.value)); // found already, with their fix
  for (const use of fileUses(value)) if (!namedBadly.has(use.name)) reader.read(use);
  return reader.findings;
}

/** What stands outside `trust` is left out, variables included. */
function onlyTrust(document: ConfigDocument): ConfigDocument {
  const value = Object.fromEntries(entriesOf(document.value).filter(([section]) => section === "trust"));
  return { ...document, value, findings: document.findings.filter(({ path }) => path[0] === "trust") };
}
