import { type Document, isNode, isPair, isScalar, isSeq, Scalar, visit } from "yaml";
import type { Finding } from "../problem.ts";
import { type Environment, plainValue, replaceVariables } from "./variables.ts";

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

/** Paths of unquoted values that are one variable and nothing else: what a copy in another format has to remember. */
export function bareVariables(document: Document): readonly (readonly PropertyKey[])[] {
  const paths: (readonly PropertyKey[])[] = [];
  visit(document, {
    Scalar(key, node, ancestors) {
      if (key !== "key" && typeof node.value === "string" && isBareVariable(node))
        paths.push(pathOf([...ancestors, node]));
    },
  });
  return paths;
}

function isBareVariable(node: Scalar): boolean {
  return node.type === Scalar.PLAIN && /^\$\{[^}]*\}$/.test(String(node.value));
}
