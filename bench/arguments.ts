/** What `npm run bench` was asked for: everything, some subjects only, or a profile of one. */
export type BenchRequest =
  | { readonly mode: "all" }
  | { readonly mode: "only"; readonly names: readonly string[] }
  | { readonly mode: "profile"; readonly name: string };

const USAGE = 'usage: npm run bench [-- --only NAME[,NAME...] | --profile NAME], where NAME is such as "worker"';

/** Throws a RangeError that says how to use it. */
export function readArguments(args: readonly string[]): BenchRequest {
  const [option, value, ...rest] = args;
  if (option === undefined) return { mode: "all" };
  if (value === undefined || value === "" || rest.length > 0) throw new RangeError(USAGE);
  if (option === "--only") return { mode: "only", names: value.split(",") };
  if (option === "--profile") return { mode: "profile", name: value };
  throw new RangeError(USAGE);
}
