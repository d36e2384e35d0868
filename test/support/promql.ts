import { METRIC_TABLES } from "../../shared/telemetry/reference.ts";

/** A metric as a query names it, and the labels it has there. */
interface Selected {
  readonly name: string;
  readonly matched: readonly string[];
  readonly hasRange: boolean;
}

export interface Query {
  readonly selected: readonly Selected[];
  /** Labels in `by (…)` and the like. */
  readonly grouped: readonly string[];
  /** Names that are followed by a parenthesis. */
  readonly functions: readonly string[];
}

const GROUPING = /\b(?:by|without|on|ignoring)\s*\(([^)]*)\)/g;
const NAME = /([A-Za-z_][A-Za-z0-9_:]*)\s*(\(|\{([^}]*)\})?\s*(\[[^\]]*\])?/g;
const OPERATORS = new Set(["and", "or", "unless", "offset", "bool"]);
const KNOWN_FUNCTIONS = new Set([
  "sum",
  "max",
  "min",
  "rate",
  "increase",
  "histogram_quantile",
  "label_values",
  "time",
]);
/** Labels that a scrape adds to every series. */
const SCRAPED = ["instance"];

/** Takes apart as much of PromQL as the documents here use: every name in it is a function, an operator or a metric. */
export function readQuery(expression: string): Query {
  const grouped: string[] = [];
  const rest = expression.replace(GROUPING, (_all, labels: string) => {
    grouped.push(...namesIn(labels));
    return " ";
  });
  const selected: Selected[] = [];
  const functions: string[] = [];
  for (const [, name = "", opening, matchers = "", range] of rest.matchAll(NAME)) {
    if (OPERATORS.has(name)) continue;
    if (opening === "(") functions.push(name);
    else selected.push({ name, matched: matchedLabels(matchers), hasRange: range !== undefined });
  }
  return { selected, grouped, functions };
}

/** What is wrong with a query, against the tables of metrics; empty when nothing is. */
export function problemsOfQuery(expression: string): readonly string[] {
  const { selected, grouped, functions } = readQuery(expression);
  const count = (character: string) => expression.split(character).length;
  return [
    ...(count("(") === count(")") ? [] : ["its parentheses do not match"]),
    ...(selected.length === 0 ? ["it names no metric"] : []),
    ...functions.filter((name) => !KNOWN_FUNCTIONS.has(name)).map((name) => `"${name}" is no function`),
    ...selected.flatMap((metric) => problemsOfMetric(metric, grouped)),
  ];
}

function problemsOfMetric({ name, matched, hasRange }: Selected, grouped: readonly string[]): string[] {
  const found = LABELS.get(name);
  if (found === undefined) return [`"${name}" is no metric`];
  const unknown = [...matched, ...grouped].filter((label) => !found.labels.includes(label) && !SCRAPED.includes(label));
  return [
    ...unknown.map((label) => `${name} has no label "${label}"`),
    ...(found.isCounted === hasRange
      ? []
      : [`${name} is ${found.isCounted ? "counted: ask for its rate" : "a gauge"}`]),
  ];
}

interface Exposed {
  readonly labels: readonly string[];
  /** It only grows: its value as such says nothing. */
  readonly isCounted: boolean;
}

/** Every series as Prometheus stores it. */
const LABELS: ReadonlyMap<string, Exposed> = new Map(
  Object.values(METRIC_TABLES)
    .flatMap((table) => Object.values(table))
    .flatMap(({ name, type, labels }): (readonly [string, Exposed])[] => {
      if (type !== "histogram") return [[name, { labels, isCounted: type === "counter" }]];
      const sums = ["_sum", "_count"].map((end) => [`${name}${end}`, { labels, isCounted: true }] as const);
      return [...sums, [`${name}_bucket`, { labels: [...labels, "le"], isCounted: true }]];
    }),
);

function namesIn(list: string): string[] {
  return list
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
}

function matchedLabels(matchers: string): string[] {
  return [...matchers.matchAll(/([A-Za-z_]\w*)\s*(?:=~|!~|!=|=)\s*"[^"]*"/g)].map(([, label = ""]) => label);
}
