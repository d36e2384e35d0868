import { entriesOf, propertyOf } from "../plain.ts";
import type { Finding } from "../problem.ts";

interface Presence {
  /** Where the keys stand; `*` is any entry. */
  readonly at: readonly string[];
  readonly keys: readonly string[];
  readonly want: "one" | "at least one" | "at most one" | "all or none";
  readonly problem: string;
  readonly fix: string;
}

const RULES: readonly Presence[] = [
  {
    at: ["connections", "*"],
    keys: ["choria", "user", "tokenFile", "nkeyFile", "credsFile"],
    want: "at most one",
    problem: "has several kinds of credentials, and only one can be sent",
    fix: "keep one of choria, user, tokenFile, nkeyFile and credsFile",
  },
  {
    at: ["connections", "*"],
    keys: ["user", "passwordFile"],
    want: "all or none",
    problem: "a user and its password belong together",
    fix: "set both user and passwordFile (a file that holds only the password), or neither",
  },
  {
    at: ["connections", "*", "tls"],
    keys: ["cert", "key"],
    want: "all or none",
    problem: "mutual TLS takes a certificate and its key",
    fix: "set both cert and key, or neither",
  },
  {
    at: ["trust"],
    keys: ["v1", "v2"],
    want: "at least one",
    problem: "trusts neither protocol: every message would be refused",
    fix: 'add "v1" (with a ca) or "v2" (with issuers), or both',
  },
  {
    at: ["trust", "v2"],
    keys: ["issuers", "trustedSigners"],
    want: "one",
    problem: 'takes either "issuers" or "trustedSigners"',
    fix: "set issuers (organisation unit: public key), unless tokens are signed by a few keys directly",
  },
  {
    at: ["jobs", "*"],
    keys: ["handler", "sink"],
    want: "one",
    problem: 'takes either "handler" or "sink"',
    fix: "set sink (a name in sinks) to republish, or handler (module.js#export), which can publish to sinks itself",
  },
];

/** Keys that exclude or need each other. As for references, what was written counts, whatever else is wrong with it. */
export function checkPresence(value: unknown): readonly Finding[] {
  return RULES.flatMap((rule) => holders(value, rule.at).flatMap(({ path, holder }) => checkRule(rule, path, holder)));
}

function checkRule(
  { keys, want, problem, fix }: Presence,
  path: readonly string[],
  holder: object,
): readonly Finding[] {
  const present = keys.filter((key) => Object.hasOwn(holder, key));
  if (isSatisfied(want, present.length, keys.length)) return [];
  const named = present.length === 0 ? problem : `${problem} (it has ${present.join(" and ")})`;
  return [{ path, value: undefined, problem: named, fix }];
}

function isSatisfied(want: Presence["want"], present: number, all: number): boolean {
  switch (want) {
    case "one":
      return present === 1;
    case "at least one":
      return present >= 1;
    case "at most one":
      return present <= 1;
    case "all or none":
      return present === 0 || present === all;
    default:
      return want satisfies never;
  }
}

interface Holder {
  readonly path: readonly string[];
  readonly holder: object;
}

function holders(value: unknown, at: readonly string[], path: readonly string[] = []): readonly Holder[] {
  if (typeof value !== "object" || value === null) return [];
  const [key, ...rest] = at;
  if (key === undefined) return [{ path, holder: value }];
  const names = key === "*" ? entriesOf(value).map(([name]) => name) : [key];
  return names.flatMap((name) => holders(propertyOf(value, name), rest, [...path, name]));
}
