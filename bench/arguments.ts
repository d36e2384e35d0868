/** What `npm run bench` was asked for: everything, some subjects only, a profile of one, or the functions alone. */
export type BenchRequest =
  | { readonly mode: "all" }
  | { readonly mode: "only"; readonly names: readonly string[] }
  | { readonly mode: "profile"; readonly name: string }
  /** `isShort`: shows that it works, and writes nothing. */
  | { readonly mode: "functions"; readonly isShort: boolean };

const USAGE =
  'usage: npm run bench [-- --only NAME[,NAME...] | --profile NAME | --functions [short]], where NAME is such as "worker"';

/** Throws a RangeError that says how to use it. */
export function readArguments(args: readonly string[]): BenchRequest {
  const [option, value, ...rest] = args;
  if (option === undefined) return { mode: "all" };
  if (option === "--functions" && args.length === 1) return { mode: "functions", isShort: false };
  if (option === "--functions" && args.length === 2 && value === "short") return { mode: "functions", isShort: true };
  if (value === undefined || value === "" || rest.length > 0) throw new RangeError(USAGE);
  if (option === "--only") return { mode: "only", names: value.split(",") };
  if (option === "--profile") return { mode: "profile", name: value };
  throw new RangeError(USAGE);
}
