import type { Outcome } from "./outcome.ts";

/** Names by which AWS and its SDK say that somebody has to look after the credentials. */
const ABOUT_CREDENTIALS: ReadonlySet<string> = new Set([
  "CredentialsProviderError",
  "TokenProviderError",
  "ExpiredTokenException",
  "ExpiredToken",
  "UnrecognizedClientException",
  "InvalidClientTokenId",
  "InvalidSignatureException",
  "IncompleteSignatureException",
  "MissingAuthenticationTokenException",
  "AccessDeniedException",
]);

/** What an Invoke that was not carried out means. The HTTP status is the API's; without one nothing answered. */
export function failureOf(error: unknown): Outcome {
  const { name, status, detail, retryAfterMs } = facts(error);
  if (ABOUT_CREDENTIALS.has(name) || status === 401 || status === 403) return { type: "credentials", detail };
  if (status === 429) return { type: "throttled", retryAfterMs, detail };
  if (status === 404) return { type: "unknown_function", detail };
  if (status !== null && status >= 400 && status < 500) return { type: "function_error", detail };
  return { type: "unreachable", detail };
}

interface Facts {
  readonly name: string;
  readonly status: number | null;
  readonly detail: string;
  readonly retryAfterMs: number | null;
}

function facts(error: unknown): Facts {
  if (!(error instanceof Error)) return { name: "", status: null, detail: String(error), retryAfterMs: null };
  const metadata: unknown = "$metadata" in error ? error.$metadata : undefined;
  const code = "code" in error ? `${String(error.code)} ` : "";
  return {
    name: error.name,
    status: numberIn(metadata, "httpStatusCode"),
    // An AggregateError of several addresses has no message of its own.
    detail: `${error.name === "Error" ? "" : `${error.name}: `}${code}${error.message}`.trim().slice(0, 500),
    retryAfterMs: secondsOf("retryAfterSeconds" in error ? error.retryAfterSeconds : undefined),
  };
}

function numberIn(holder: unknown, key: string): number | null {
  if (typeof holder !== "object" || holder === null || !Object.hasOwn(holder, key)) return null;
  const value: unknown = Reflect.get(holder, key);
  return typeof value === "number" ? value : null;
}

/** The header's text; whole seconds as AWS sends it. */
function secondsOf(value: unknown): number | null {
  const seconds = Number(value);
  return value === undefined || !Number.isFinite(seconds) || seconds < 0 ? null : seconds * 1_000;
}
