import { configSchema } from "./schema.ts";
import { type SchemaNode, schemaNode } from "./schema-node.ts";

interface Row {
  readonly path: string;
  readonly node: SchemaNode;
  readonly isRequired: boolean;
}

/** docs/configuration.md: every setting that the schema knows, section by section, then the example. */
export function configurationReference(example: string): string {
  const root = schemaNode(configSchema);
  const sections = Object.entries(root.properties ?? {}).map(([name, node]) =>
    section(name, node, isRequired(root, name)),
  );
  return [INTRODUCTION, ...sections, `## A complete example\n\n\`\`\`yaml\n${example.trimEnd()}\n\`\`\``]
    .join("\n\n")
    .concat("\n");
}

const INTRODUCTION = `# Configuration

<!-- Written by \`npm run docs\` from the schemas in shared/config; do not edit. -->

One YAML file configures all functions. \`choria-bridge config check FILE\` names every problem at once, \`config show FILE\`
prints the file with all defaults filled in.

- **Durations** are written as \`500ms\`, \`30s\`, \`5m\`, \`2h\` or \`7d\`, **sizes** as \`512KiB\`, \`64MiB\` or \`1GB\`.
- **Variables**: \`\${NAME}\` and \`\${NAME:-default}\` are taken from the environment; \`$\${\` is a literal \`\${\`. An unquoted
  value that is nothing but a variable may become a number or a boolean; within \`[ ]\` and \`{ }\` variables need quotes.
- **Paths** are relative to the configuration file. Secrets are always files of their own.
- **Names** (\`<name>\`) are 1 to 64 letters, digits, \`_\` or \`-\`.
- Unknown keys are refused.

In **subject templates** \`{sender}\`, \`{collective}\`, \`{agent}\` and \`{caller}\` stand for the message's values, \`%s\` for the
sender, and \`{partition:N}\` for the FNV-1a hash (32 bits) of the sender modulo N. A value that may hold dots stands as it is
only as the whole last token; elsewhere, and a caller always, it is one token in which everything but letters, digits,
\`_ - = @\` is written as \`%XX\` of its UTF-8 bytes. \`{sender}\` needs messages that prove their sender: registrations, or
replies with \`proof: signature\`.`;

function section(name: string, node: SchemaNode, required: boolean): string {
  const rows = rowsBelow(name, node).map(rowText);
  const title = `## \`${name}\`\n\n${node.description ?? ""}${required ? " Required." : ""}`;
  return [`${title}\n`, "| Key | Type | Default | Meaning |", "|---|---|---|---|", ...rows].join("\n");
}

function rowsBelow(path: string, node: SchemaNode): readonly Row[] {
  return (node.oneOf ?? [node]).flatMap((variant) => [
    ...Object.entries(variant.properties ?? {}).flatMap(([key, inner]) => [
      { path: `${path}.${key}`, node: inner, isRequired: isRequired(variant, key) },
      ...rowsBelow(`${path}.${key}`, inner),
    ]),
    ...(typeof variant.additionalProperties === "object"
      ? rowsBelow(`${path}.<name>`, variant.additionalProperties)
      : []),
  ]);
}

function rowText({ path, node, isRequired }: Row): string {
  const cells = [`\`${path}\``, typeText(node), defaultText(node, isRequired), node.description ?? ""];
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}

function typeText(node: SchemaNode): string {
  if (node.unit !== undefined) return node.unit;
  if (node.const !== undefined) return `\`${String(node.const)}\``;
  if (node.enum !== undefined) return node.enum.map((value) => `\`${String(value)}\``).join(", ");
  if (node.type === "array") return `list of ${typeText(node.items ?? {})}`;
  if (typeof node.additionalProperties === "object") return `map of ${typeText(node.additionalProperties)}`;
  const words: Readonly<Record<string, string>> = { string: "text", integer: "integer", object: "section" };
  return `${words[node.type ?? ""] ?? node.type ?? "any"}${rangeText(node)}`;
}

/** Bounds that say something: what fits a safe integer does not. */
function rangeText({ minimum, maximum }: SchemaNode): string {
  if (maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER) return ` (${minimum ?? 0} to ${maximum})`;
  return minimum === undefined ? "" : ` (${minimum} or more)`;
}

function defaultText(node: SchemaNode, required: boolean): string {
  if (required) return "**required**";
  if (node.default === undefined || node.type === "object") return "";
  return `\`${typeof node.default === "string" ? node.default : JSON.stringify(node.default)}\``;
}

function isRequired(node: SchemaNode, key: string): boolean {
  return node.required?.includes(key) ?? false;
}
