import { MEASUREMENTS, type Measurement } from "./production/measure.ts";

/** `rates`: the bridge and its floors. `adapter`: what go-choria's own adapter has to show beside the bars. */
export type PartName = "rates" | "adapter" | Measurement;

/** What `npm run bench` was asked for: everything, some parts or subjects only, a profile of one, or the functions alone. */
export type BenchRequest =
  | { readonly mode: "all" }
  /** Prints their bars and writes nothing. */
  | { readonly mode: "parts"; readonly names: readonly PartName[]; readonly isShort: boolean }
  | { readonly mode: "only"; readonly names: readonly string[] }
  | { readonly mode: "profile"; readonly name: string }
  /** The bridge in production; the other results stay as they are. */
  | { readonly mode: "production" }
  /** `isShort`: shows that it works, and writes nothing. */
  | { readonly mode: "functions"; readonly isShort: boolean };

const PARTS: ReadonlySet<string> = new Set(["rates", ...MEASUREMENTS, "adapter"]);
const USAGE =
  `usage: npm run bench [-- PART... [short] | --only NAME[,NAME...] | --profile NAME | --production | --functions [short]], where PART is one of ` +
  `${[...PARTS].join(", ")} and NAME a subject such as "worker"`;

/** Throws a RangeError that says how to use it. */
export function readArguments(args: readonly string[]): BenchRequest {
  const [option, value, ...rest] = args;
  if (option === undefined) return { mode: "all" };
  if (option === "--functions" && args.length === 1) return { mode: "functions", isShort: false };
  if (option === "--functions" && args.length === 2 && value === "short") return { mode: "functions", isShort: true };
  if (option === "--production" && args.length === 1) return { mode: "production" };
  if (!option.startsWith("--")) return readParts(args);
  if (value === undefined || value === "" || rest.length > 0) throw new RangeError(USAGE);
  if (option === "--only") return { mode: "only", names: value.split(",") };
  if (option === "--profile") return { mode: "profile", name: value };
  throw new RangeError(USAGE);
}

function readParts(args: readonly string[]): BenchRequest {
  const isShort = args.at(-1) === "short";
  const names = isShort ? args.slice(0, -1) : args;
  if (names.length === 0 || !names.every(isPart)) throw new RangeError(USAGE);
  return { mode: "parts", names, isShort };
}

function isPart(name: string): name is PartName {
  return PARTS.has(name);
}
