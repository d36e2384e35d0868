import { isUtf8 } from "node:buffer";
import type * as z from "zod";

/** What is wrong with a document, and where. */
export interface InputIssue {
  /** Such as `facts.os.name`; empty for the whole document. */
  readonly path: string;
  readonly problem: string;
}

/** Data that fits its schema, or why it does not. */
export type Checked =
  | { readonly ok: true; readonly data: unknown }
  | { readonly ok: false; readonly issues: readonly InputIssue[] };

/** A body that fits, or why not. */
export type Encoded =
  | { readonly ok: true; readonly body: Uint8Array }
  | { readonly ok: false; readonly issues: readonly InputIssue[] };

/** Checks data; never throws and never rejects. A promise only where the schema has asynchronous parts. */
export type Check = (data: unknown) => Checked | Promise<Checked>;

const MOST_ISSUES_TOLD = 10;

/** Issues on one line, for a dead letter or a log. */
export function issuesText(issues: readonly InputIssue[]): string {
  const told = issues
    .slice(0, MOST_ISSUES_TOLD)
    .map(({ path, problem }) => (path === "" ? problem : `${path}: ${problem}`));
  const more = issues.length > told.length ? [`and ${issues.length - told.length} more`] : [];
  return [...told, ...more].join("; ");
}

/**
 * The check of a schema. One without asynchronous parts stays on the fast way. Parts that cannot be told beforehand are found
 * out by the first value that meets them: it is checked twice, and from then on all are checked asynchronously.
 */
export function checkOf(schema: z.ZodType): Check {
  // What a synchronous check begins asynchronously is left to itself, and ends the process when it fails.
  let isAsync = isKnownAsync(schema);
  return (data) => {
    if (isAsync) return checkLater(schema, data);
    try {
      return checked(schema.safeParse(data));
    } catch (error) {
      if (!isAsyncError(error)) return failed(error);
      isAsync = true;
      return checkLater(schema, data);
    }
  };
}

function isKnownAsync(schema: z.ZodType): boolean {
  try {
    return hasAsyncFunction(schema, new Set());
  } catch {
    return false; // a recursive schema may name one that its module has not made yet
  }
}

/** Looks for `async` functions in a schema's definition and those of its parts. */
function hasAsyncFunction(part: unknown, seen: Set<unknown>): boolean {
  if (typeof part === "function") return part.constructor.name === "AsyncFunction";
  if (typeof part !== "object" || part === null || seen.has(part)) return false;
  seen.add(part);
  const inner = "_zod" in part ? part._zod : part;
  const definition = typeof inner === "object" && inner !== null && "def" in inner ? inner.def : inner;
  return Object.values(definition ?? {}).some((value) => hasAsyncFunction(value, seen));
}

async function checkLater(schema: z.ZodType, data: unknown): Promise<Checked> {
  try {
    return checked(await schema.safeParseAsync(data));
  } catch (error) {
    return failed(error);
  }
}

function checked(result: z.ZodSafeParseResult<unknown>): Checked {
  if (result.success) return { ok: true, data: result.data };
  return { ok: false, issues: result.error.issues.map(describeIssue) };
}

/** A refinement of the schema that throws: wrong for every message, so say it once per message. */
function failed(error: unknown): Checked {
  return wrong(`the schema failed: ${error instanceof Error ? error.message : String(error)}`);
}

/** By its words, not its class: a handler brings its own copy of zod. */
function isAsyncError(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith("Encountered Promise during synchronous parse");
}

/** Parses a JSON body and checks it. */
export function readDocument(body: Uint8Array, check: Check): Checked | Promise<Checked> {
  const parsed = parseJson(body);
  return parsed.ok ? check(parsed.data) : parsed;
}

/** Checks data, unless there is nothing to check it with, and writes it as JSON. */
export function writeDocument(data: unknown, check: Check | null): Encoded | Promise<Encoded> {
  const result: Checked | Promise<Checked> = check === null ? { ok: true, data } : check(data);
  return result instanceof Promise ? result.then(encode) : encode(result);
}

function encode(result: Checked): Encoded {
  if (!result.ok) return result;
  try {
    const text: string | undefined = JSON.stringify(result.data); // undefined for what JSON has no word for
    return text === undefined ? wrong("not JSON") : { ok: true, body: Buffer.from(text) };
  } catch (error) {
    return wrong(`cannot be written as JSON: ${error instanceof Error ? firstLine(error.message) : String(error)}`);
  }
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0] ?? "";
}

function parseJson(body: Uint8Array): Checked {
  if (!isUtf8(body)) return wrong("not UTF-8");
  try {
    return { ok: true, data: JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("utf8")) };
  } catch {
    return wrong("not JSON"); // the parser's own words quote the payload
  }
}

function wrong(problem: string): { readonly ok: false; readonly issues: readonly InputIssue[] } {
  return { ok: false, issues: [{ path: "", problem }] };
}

function describeIssue(issue: z.core.$ZodIssue): InputIssue {
  return { path: issue.path.map(String).join("."), problem: issue.message };
}
