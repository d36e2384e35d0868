import { readFileSync } from "node:fs";
import type { Plugin } from "esbuild";
import ts from "typescript";

/**
 * Leaves the descriptions of settings out of a bundle: they are for docs/configuration.md and for those who write a
 * configuration, which was checked with them when the bundle was made.
 */
export const withoutDescriptions: Plugin = {
  name: "without-descriptions",
  setup({ onLoad }) {
    onLoad({ filter: /[/\\]shared[/\\]config[/\\][\w-]*schema\.ts$/ }, ({ path }) => ({
      contents: strip(readFileSync(path, "utf8")),
      loader: "ts",
    }));
  },
};

/** `x.describe("…")` becomes `x`. */
export function strip(source: string): string {
  const file = ts.createSourceFile("schema.ts", source, ts.ScriptTarget.Latest, true);
  const { transformed } = ts.transform(file, [
    (context) => (root) => {
      const visit = (node: ts.Node): ts.Node => {
        const described = describedBy(node);
        return described === null ? ts.visitEachChild(node, visit, context) : ts.visitNode(described, visit);
      };
      return ts.visitNode(root, visit, ts.isSourceFile);
    },
  ]);
  const [stripped = file] = transformed;
  return ts.createPrinter().printFile(stripped);
}

/** What a call of `describe` is made on; null for anything else. */
function describedBy(node: ts.Node): ts.Expression | null {
  if (!ts.isCallExpression(node) || !ts.isPropertyAccessExpression(node.expression)) return null;
  return node.expression.name.text === "describe" ? node.expression.expression : null;
}
