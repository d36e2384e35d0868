import { type Document, isMap, isNode, isPair, isScalar, LineCounter, parseDocument } from "yaml";
import { type ConfigDocument, ConfigError, type ConfigProblem, type Finding, unplaced } from "../problem.ts";
import { bareVariables, interpolate } from "./interpolate.ts";
import type { Environment } from "./variables.ts";

const SYNTAX_FIX = "mend the syntax (within [ ] and { } a ${variable} has to be quoted)";

export interface ConfigSource {
  readonly text: string;
  /** For messages; nothing is read from it. */
  readonly file: string;
  readonly env: Environment;
}

/** Reads YAML and replaces variables. Throws `ConfigError` with every syntax error, since nothing after it can be trusted. */
export function readDocument({ text, file, env }: ConfigSource): ConfigDocument {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  if (document.errors.length > 0) throw new ConfigError(firstOfEachLine(document.errors.map(syntaxProblem)));
  const findings = interpolate(document, env);
  return { file, value: toPlain(), findings, place: placed };

  function lineOf(offset: number): number {
    return lines.linePos(offset).line;
  }

  function syntaxProblem(error: { readonly message: string; readonly pos: [number, number] }): ConfigProblem {
    const problem = `is not readable as YAML: ${error.message.trim()}`;
    return { file, path: "", line: lineOf(error.pos[0]), value: "", problem, fix: SYNTAX_FIX };
  }

  function toPlain(): unknown {
    try {
      return document.toJS({ maxAliasCount: 100 });
    } catch (cause) {
      const problem = `is not readable as YAML: ${cause instanceof Error ? cause.message : String(cause)}`;
      throw new ConfigError([{ file, path: "", value: "", problem, fix: "mend the aliases" }], { cause });
    }
  }

  function placed(finding: Finding): ConfigProblem {
    const offset = offsetOf(document, finding.path);
    const line = offset === null ? {} : { line: lineOf(offset) };
    return { ...unplaced(file, finding), ...line };
  }
}

/**
 * The document as it was written, variables included, for a package that has no YAML parser. Call it with text that
 * `readDocument` has read.
 */
export function packDocument(text: string): {
  readonly config: unknown;
  readonly bare: readonly (readonly PropertyKey[])[];
} {
  const document = parseDocument(text);
  return { config: document.toJS({ maxAliasCount: 100 }), bare: bareVariables(document) };
}

/** One slip makes the parser stumble over the rest of the line. */
function firstOfEachLine(problems: readonly ConfigProblem[]): readonly ConfigProblem[] {
  return problems.filter(({ line }, index) => problems.findIndex((other) => other.line === line) === index);
}

/** Where the key of the path stands, or the nearest thing above it that is in the text; null for an empty document. */
function offsetOf(document: Document, path: readonly PropertyKey[]): number | null {
  let node: unknown = document.contents;
  let offset = isNode(node) ? (node.range?.[0] ?? null) : null;
  for (const key of path) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isPair(item) && isScalar(item.key) && item.key.value === key);
      if (pair === undefined) return offset;
      offset = isScalar(pair.key) ? (pair.key.range?.[0] ?? offset) : offset;
      node = pair.value;
    } else {
      node = document.getIn(path.slice(0, path.indexOf(key) + 1), true);
      offset = isNode(node) ? (node.range?.[0] ?? offset) : offset;
    }
  }
  return offset;
}
