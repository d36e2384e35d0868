import type * as z from "zod";
import { nearest } from "../nearest.ts";
import { propertyOf } from "../plain.ts";
import type { Finding } from "../problem.ts";
import type { SchemaNode } from "../schema-node.ts";

type Issue = z.core.$ZodIssue;

/** Turns what the schema library found into problems with a fix, in the words of the configuration. */
export function findingsOf(issues: readonly Issue[], value: unknown, schema: SchemaNode): readonly Finding[] {
  return issues.flatMap((issue) => {
    if (issue.code === "unrecognized_keys") return unknownKeys(issue.keys, issue.path, { value, schema });
    const path = issue.path;
    return [{ path, value: path.reduce(propertyOf, value), ...describeIssue(issue, schemaAt(schema, path)) }];
  });
}

interface Context {
  readonly value: unknown;
  readonly schema: SchemaNode;
}

function unknownKeys(keys: readonly string[], path: readonly PropertyKey[], context: Context): Finding[] {
  const known = knownKeys(schemaAt(context.schema, path));
  return keys.map((key) => {
    const close = nearest(key, known);
    const fix = close === null ? `remove it; known keys: ${known.join(", ")}` : `did you mean "${close}"?`;
    return {
      path: [...path, key],
      value: [...path, key].reduce(propertyOf, context.value),
      problem: "is not a known key",
      fix,
    };
  });
}

function schemaAt(schema: SchemaNode, path: readonly PropertyKey[]): SchemaNode {
  return path.reduce<SchemaNode>((node, key) => {
    if (typeof key === "number") return node.items ?? {};
    const named = variants(node).find((variant) => Object.hasOwn(variant.properties ?? {}, key));
    if (named !== undefined) return named.properties?.[String(key)] ?? {};
    return typeof node.additionalProperties === "object" ? node.additionalProperties : {};
  }, schema);
}

function variants(node: SchemaNode): readonly SchemaNode[] {
  return node.oneOf ?? [node];
}

function knownKeys(node: SchemaNode): readonly string[] {
  return [...new Set(variants(node).flatMap((variant) => Object.keys(variant.properties ?? {})))];
}

function describeIssue(issue: Issue, node: SchemaNode): { problem: string; fix: string } {
  switch (issue.code) {
    case "invalid_type":
      if (issue.message.endsWith("received undefined")) {
        return { problem: "is missing", fix: `set it: ${meaning(node)}` };
      }
      return { problem: `must be ${article(issue.expected)}`, fix: `write ${expectation(node)}` };
    case "invalid_value":
      return { problem: "is not one of the values known", fix: `use one of ${issue.values.map(String).join(", ")}` };
    case "invalid_union":
      return { problem: "is of no known type", fix: `use one of ${listOf(issue)}` };
    case "too_small":
      return { problem: tooSmall(issue), fix: `write ${expectation(node)}` };
    case "too_big":
      return { problem: `must be at most ${issue.maximum}`, fix: `write ${expectation(node)}` };
    case "invalid_key":
      return { problem: issue.issues[0]?.message ?? "is not a valid name", fix: "rename it" };
    case "custom":
      return { problem: issue.message, fix: String(issue.params?.["fix"] ?? `write ${expectation(node)}`) };
    default:
      return { problem: issue.message, fix: `write ${expectation(node)}` };
  }
}

function tooSmall(issue: z.core.$ZodIssueTooSmall): string {
  if (issue.origin === "number" || issue.origin === "int") return `must be at least ${issue.minimum}`;
  return issue.minimum === 1 ? "is empty" : `needs at least ${issue.minimum} entries`;
}

function listOf(issue: Issue): string {
  return "options" in issue && Array.isArray(issue.options) ? issue.options.map(String).join(", ") : "those documented";
}

/** What belongs there, in words: its unit or type, then what the reference says about it. */
function expectation(node: SchemaNode): string {
  if (node.unit === "duration") return `a duration such as "30s"; ${meaning(node)}`;
  if (node.unit === "size") return `a size such as "64MiB"; ${meaning(node)}`;
  if (node.enum !== undefined) return `one of ${node.enum.join(", ")}`;
  return `${article(node.type ?? "value")}: ${meaning(node)}`;
}

function meaning(node: SchemaNode): string {
  return node.description?.replace(/\.$/, "") ?? "see docs/configuration.md";
}

function article(type: string): string {
  const words: Readonly<Record<string, string>> = {
    string: "text",
    int: "a whole number",
    integer: "a whole number",
    number: "a number",
    boolean: "true or false",
    array: "a list",
    object: "a mapping of keys to values",
    record: "a mapping of names to entries",
  };
  return words[type] ?? `a ${type}`;
}
