import { Document, isMap, isScalar, type Pair, type YAMLMap } from "yaml";
import { REMARK_KINDS, type Remark } from "./report.ts";
import type { Translation } from "./translate.ts";

const COLUMNS = 110;
const HEADINGS: Readonly<Record<Remark["kind"], string>> = {
  choose: "To be decided (each is marked CHOOSE below where it belongs to a setting)",
  changed: "Done otherwise than go-choria's adapter does",
  default: "Not set, so go-choria's default counts",
  reading: "How go-choria reads the file",
  "left out": "Settings without a counterpart",
  unknown: "Settings that go-choria does not read either",
};

/** A translation as YAML: what has to be known at its head, choices beside the settings they are about. */
export function yamlText({ config, remarks }: Translation, source: string): string {
  const document = new Document(escaped(config));
  for (const { kind, text, at } of remarks) {
    if (at === undefined) continue;
    const pair = pairAt(document.contents, at);
    if (pair !== null) addComment(pair, kind === "choose" ? `CHOOSE: ${text}` : text);
  }
  const head = headLines(remarks, source).map((line) => (line === "" ? "#" : `# ${line}`));
  return `${head.join("\n")}\n\n${document.toString({ lineWidth: 0 })}`;
}

/** One line for each remark, for people: `choose  trust.v1.nodes: …`. */
export function remarkLines(remarks: readonly Remark[]): readonly string[] {
  const width = Math.max(...REMARK_KINDS.map((kind) => kind.length));
  return sorted(remarks).map((remark) => `${remark.kind.padEnd(width)}  ${placed(remark)}`);
}

function headLines(remarks: readonly Remark[], source: string): readonly string[] {
  const parts = REMARK_KINDS.flatMap((kind) => {
    const own = remarks.filter((remark) => remark.kind === kind);
    if (own.length === 0) return [];
    return ["", `${HEADINGS[kind]}:`, ...own.flatMap((remark) => hanging(placed(remark)))];
  });
  return [
    `Made from ${oneLine(source)} by \`choria-bridge import-choria\`; settings: docs/configuration.md.`,
    ...parts,
  ];
}

function sorted(remarks: readonly Remark[]): readonly Remark[] {
  return REMARK_KINDS.flatMap((kind) => remarks.filter((remark) => remark.kind === kind));
}

function placed({ at, text }: Remark): string {
  return at === undefined ? text : `${at.join(".")}: ${text}`;
}

function hanging(text: string): readonly string[] {
  return wrapped(text, COLUMNS - 2).map((line, index) => `${index === 0 ? "- " : "  "}${line}`);
}

function wrapped(text: string, columns: number): readonly string[] {
  const lines: string[] = [];
  for (const word of oneLine(text).split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= columns) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** A comment ends with its line: whatever a file's keys and values hold, it must not get out of it. */
function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]/gu, "?");
}

/** `${` stands for a variable in our files. */
function escaped(value: unknown): unknown {
  if (typeof value === "string") return value.replaceAll("${", () => "$${");
  if (Array.isArray(value)) return value.map(escaped);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, escaped(inner)]));
}

function pairAt(node: unknown, path: readonly string[]): Pair | null {
  const [key, ...rest] = path;
  if (key === undefined || !isMap(node)) return null;
  const pair = node.items.find((item) => isScalar(item.key) && item.key.value === key) ?? null;
  return rest.length === 0 || pair === null ? pair : pairAt(pair.value, rest);
}

function addComment(pair: Pair | YAMLMap["items"][number], text: string): void {
  if (!isScalar(pair.key)) return;
  const lines = wrapped(text, COLUMNS - 10).map((line) => ` ${line}`);
  pair.key.commentBefore = [...(pair.key.commentBefore?.split("\n") ?? []), ...lines].join("\n");
}
