import { type Document, isNode, isPair, isScalar, isSeq, Scalar, visit } from "yaml";
import type { Finding } from "../problem.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** `$${…}` is a literal `${…}`; `${NAME:-text}` takes the text when the variable is unset or empty, as a shell does. */
const VARIABLE = /\$(\$\{[^}]*\})|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}|\$\{[^}]*\}?/g;

/**
 * Replaces variables in every string value of the document, in place, and returns what could not be replaced. An unquoted
 * value that is one variable and nothing else may become a number or a boolean, as if it had been written there; quoted
 * it stays text. Nothing else of a variable's content is read as YAML.
 */
export function interpolate(document: Document, env: Environment): readonly Finding[] {
  const findings: Finding[] = [];
  visit(document, {
    Scalar(key, node, ancestors) {
      if (key === "key" || typeof node.value !== "string" || !node.value.includes("${")) return;
      const path = pathOf([...ancestors, node]);
      const text = replaceVariables(node.value, env, (value, problem, fix) =>
        findings.push({ path, value, problem, fix }),
      );
      node.value = isBareVariable(node) ? plainValue(text) : text;
    },
  });
  return findings;
}

/** Keys and indexes on the way down through a chain of nodes. */
function pathOf(chain: readonly unknown[]): readonly PropertyKey[] {
  return chain.flatMap<string | number>((node, index) => {
    if (isPair(node)) return isScalar(node.key) ? [String(node.key.value)] : [];
    const next = chain[index + 1];
    return isSeq(node) && isNode(next) ? [node.items.indexOf(next)] : [];
  });
}

type Report = (value: string, problem: string, fix: string) => void;

function replaceVariables(text: string, env: Environment, report: Report): string {
  return text.replace(VARIABLE, (all: string, escaped?: string, name?: string, fallback?: string) => {
    if (escaped !== undefined) return escaped;
    if (name === undefined) {
      report(all, "is not a variable", "write ${NAME} or ${NAME:-default}, and $${ for a literal ${");
      return all;
    }
    const value = Object.hasOwn(env, name) ? env[name] : undefined;
    if (fallback !== undefined) return value === undefined || value === "" ? fallback : value;
    if (value !== undefined) return value;
    report(all, `environment variable ${name} is not set`, `set it, or write \${${name}:-default}`);
    return all;
  });
}

function isBareVariable(node: Scalar): boolean {
  return node.type === Scalar.PLAIN && /^\$\{[^}]*\}$/.test(String(node.value));
}

function plainValue(text: string): string | number | boolean {
  if (/^-?(?:0|[1-9]\d*)(?:\.\d+)?$/.test(text)) return Number(text);
  if (text === "true" || text === "false") return text === "true";
  return text;
}
