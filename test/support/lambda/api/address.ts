import { type ApiError, invalidName, notFound, qualifiersDiffer } from "./errors.ts";

/** Nobody's: the account of AWS's own examples. */
export const ACCOUNT = "123456789012";

/** A function as a caller names it. */
export interface Address {
  readonly name: string;
  /** With the qualifier, if one was given. */
  readonly arn: string;
}

/** Name, `name:qualifier`, ARN or partial ARN (API reference, Invoke, FunctionName, without managed namespaces). */
const PATTERN =
  /^(?:arn:aws[a-zA-Z-]*:lambda:)?(?:[a-z]{2}(?:-[a-z]+)+-\d:)?(?:\d{12}:)?(?:function:)?([a-zA-Z0-9-_]{1,64})(?::(\$LATEST|[a-zA-Z0-9-_]+))?$/;

export function functionArn(region: string, name: string): string {
  return `arn:aws:lambda:${region}:${ACCOUNT}:function:${name}`;
}

/** Reads what stands in the path and the parameter `Qualifier`; only `$LATEST` exists, nothing else is ever published. */
export function parseAddress(text: string, qualifier: string | null, region: string): Address | ApiError {
  const match = PATTERN.exec(text);
  const name = match?.[1];
  if (name === undefined) return invalidName(text);
  const derived = match?.[2] ?? null;
  if (derived !== null && qualifier !== null && derived !== qualifier) return qualifiersDiffer();
  const wanted = derived ?? qualifier;
  const arn = functionArn(region, name);
  if (wanted === null) return { name, arn };
  return wanted === "$LATEST" ? { name, arn: `${arn}:${wanted}` } : notFound(`${arn}:${wanted}`);
}
