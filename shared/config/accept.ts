import type * as z from "zod";
import { checkConfig } from "./checks/check.ts";
import { checkPresence } from "./checks/presence.ts";
import { checkReferences } from "./checks/references.ts";
import { findingsOf } from "./parse/issues.ts";
import { entriesOf } from "./plain.ts";
import { type ConfigDocument, ConfigError, type Finding, pathText } from "./problem.ts";
import { type Config, configSchema } from "./schema.ts";
import { schemaNode } from "./schema-node.ts";
import { checkSecretNames } from "./secrets.ts";

/** Sections of named entries: one bad entry leaves the others to be checked. */
const NAMED_SECTIONS = new Set(["connections", "ingest", "streams", "jobs", "sinks"]);

export interface Reading<T> {
  /** Undefined when the schema refused it, and then there is a finding. */
  readonly value: T | undefined;
  readonly findings: readonly Finding[];
}

/** The schema, then whatever no single value shows. */
export function readConfig(value: unknown): Reading<Config> {
  const written = [...checkReferences(value), ...checkPresence(value), ...checkSecretNames(value)];
  // Read once: to compile the schema first would cost a starting function more than it saves.
  const parsed = configSchema.safeParse(value, { jitless: true });
  if (parsed.success) {
    const findings = checkConfig({ config: parsed.data, isTrustKnown: true });
    return { value: parsed.data, findings: [...written, ...findings] };
  }
  const { issues } = parsed.error;
  const refused = findingsOf(issues, value, schemaNode(configSchema));
  return { value: undefined, findings: [...refused, ...written, ...checkRemainder(value, issues)] };
}

/** The value, or `ConfigError` with every problem: those of the document's variables, and the findings. */
export function accept<T>(document: ConfigDocument, value: T | undefined, findings: readonly Finding[]): T {
  // A variable that is not set leaves its name behind: what is wrong with that text is no news.
  const unset = new Set(document.findings.map(({ path }) => pathText(path)));
  const others = findings.filter(({ path }) => !unset.has(pathText(path)));
  const problems = [...document.findings, ...others].map(document.place);
  if (value !== undefined && problems.length === 0) return value;
  throw new ConfigError(problems.sort((a, b) => (a.line ?? 0) - (b.line ?? 0)));
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
