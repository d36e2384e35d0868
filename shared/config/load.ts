import * as z from "zod";
import type { TrustSettings } from "../choria/settings.ts";
import { checkConfig } from "./checks/check.ts";
import { checkPresence } from "./checks/presence.ts";
import { checkReferences } from "./checks/references.ts";
import { checkTrust } from "./checks/trust.ts";
import { type ConfigFiles, FileReader, fileUses } from "./files.ts";
import { type ConfigDocument, type ConfigSource, readDocument } from "./parse/document.ts";
import type { Environment } from "./parse/interpolate.ts";
import { findingsOf } from "./parse/issues.ts";
import { entriesOf } from "./plain.ts";
import { ConfigError, type Finding, pathText } from "./problem.ts";
import { trustSettings } from "./resolve.ts";
import { type Config, configSchema, type TrustConfig, trustSchema } from "./schema.ts";
import { schemaNode } from "./schema-node.ts";

/** Sections of named entries: one bad entry leaves the others to be checked. */
const NAMED_SECTIONS = new Set(["connections", "ingest", "streams", "jobs", "sinks"]);
const trustOnlySchema = z.object({ trust: trustSchema });

/**
 * Parses, completes and checks a configuration; files it names are not looked at. `file` is only for messages. Throws
 * `ConfigError` with every problem at once: variables, unknown keys, values, and what does not fit together.
 */
export function parseConfig(text: string, file: string, env: Environment): Config {
  const document = readDocument({ text, file, env });
  const { value, findings } = readConfig(document);
  return accept(document, value, findings);
}

/** As `parseConfig`, and the files that the configuration names are checked too: every problem of both comes together. */
export function loadConfig(source: ConfigSource, files: ConfigFiles): Config {
  const document = readDocument(source);
  const { value, findings } = readConfig(document);
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

interface Reading<T> {
  /** Undefined when the schema refused it, and then there is a finding. */
  readonly value: T | undefined;
  readonly findings: readonly Finding[];
}

function readConfig(document: ConfigDocument): Reading<Config> {
  const written = [...checkReferences(document.value), ...checkPresence(document.value)];
  const parsed = configSchema.safeParse(document.value);
  if (parsed.success) {
    const findings = checkConfig({ config: parsed.data, isTrustKnown: true });
    return { value: parsed.data, findings: [...written, ...findings] };
  }
  const { issues } = parsed.error;
  const refused = findingsOf(issues, document.value, schemaNode(configSchema));
  return { value: undefined, findings: [...refused, ...written, ...checkRemainder(document.value, issues)] };
}

function readTrust(document: ConfigDocument): Reading<TrustConfig> {
  const written = checkPresence(document.value);
  const parsed = trustOnlySchema.safeParse(document.value);
  if (parsed.success) return { value: parsed.data.trust, findings: [...written, ...checkTrust(parsed.data.trust)] };
  const refused = findingsOf(parsed.error.issues, document.value, schemaNode(trustOnlySchema));
  return { value: undefined, findings: [...refused, ...written] };
}

function checkFiles(value: unknown, files: ConfigFiles): readonly Finding[] {
  const reader = new FileReader(files);
  for (const use of fileUses(value)) reader.read(use);
  return reader.findings;
}

function accept<T>(document: ConfigDocument, value: T | undefined, findings: readonly Finding[]): T {
  // A variable that is not set leaves its name behind: what is wrong with that text is no news.
  const unset = new Set(document.findings.map(({ path }) => pathText(path)));
  const others = findings.filter(({ path }) => !unset.has(pathText(path)));
  const problems = [...document.findings, ...others].map(document.place);
  if (value !== undefined && problems.length === 0) return value;
  throw new ConfigError(problems.sort((a, b) => (a.line ?? 0) - (b.line ?? 0)));
}

/** What stands outside `trust` is left out, variables included. */
function onlyTrust(document: ConfigDocument): ConfigDocument {
  const value = Object.fromEntries(entriesOf(document.value).filter(([section]) => section === "trust"));
  return { ...document, value, findings: document.findings.filter(({ path }) => path[0] === "trust") };
}

/** Checks what is left without the parts that the schema refused, so that one typo does not hide the other problems. */
function checkRemainder(value: unknown, issues: readonly z.core.$ZodIssue[]): readonly Finding[] {
  if (issues.some(({ code, path }) => path.length === 0 && code !== "unrecognized_keys")) return [];
  const broken = new Set(issues.flatMap(brokenParts));
  const kept = entriesOf(value).flatMap(([section, content]) => {
    if (broken.has(section)) return [];
    return [[section, NAMED_SECTIONS.has(section) ? withoutBroken(section, content, broken) : content] as const];
  });
  const parsed = configSchema.safeParse({ connections: {}, trust: {}, ...Object.fromEntries(kept) });
  return parsed.success ? checkConfig({ config: parsed.data, isTrustKnown: !broken.has("trust") }) : [];
}

function brokenParts({ path, ...issue }: z.core.$ZodIssue): readonly string[] {
  const [section, entry] = path.map(String);
  if (section === undefined) return issue.code === "unrecognized_keys" ? issue.keys : [];
  return entry !== undefined && NAMED_SECTIONS.has(section) ? [`${section}.${entry}`] : [section];
}

function withoutBroken(section: string, entries: unknown, broken: ReadonlySet<string>): unknown {
  return Object.fromEntries(entriesOf(entries).filter(([name]) => !broken.has(`${section}.${name}`)));
}
