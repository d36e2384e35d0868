/** Headers as they stand in a message. */
export type Headers = readonly (readonly [name: string, value: string])[];

export interface TraceContext {
  readonly traceparent: string;
  /** Empty when there is none. */
  readonly tracestate: string;
}

const NAMES = /^trace(?:parent|state)$/i;

// https://www.w3.org/TR/trace-context/: version ff and ids of nothing but zeros are invalid. Later versions may append
// fields; those are not known to be harmless, so such a header is left out.
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;
const STATE_KEY = /^(?:[a-z][a-z0-9_*/-]{0,255}|[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13})$/;
const STATE_VALUE = /^[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/;
const MOST_STATE_CHARACTERS = 512;
const MOST_STATE_MEMBERS = 32;

/**
 * The trace that a message is part of; null without one, or when it is not exactly what W3C's Trace Context allows. Names
 * are compared without case, as HTTP's: some clients write `Traceparent`. A bad `tracestate` costs only itself.
 */
export function readTrace(headers: Headers): TraceContext | null {
  const parents: string[] = [];
  const states: string[] = [];
  for (const [name, value] of headers) {
    if (!NAMES.test(name)) continue;
    (name.length === "traceparent".length ? parents : states).push(value);
  }
  const [traceparent = "", second] = parents;
  if (second !== undefined || !TRACEPARENT.test(traceparent)) return null;
  const tracestate = states.join(",");
  return { traceparent, tracestate: isTraceState(tracestate) ? tracestate : "" };
}

const NONE: Headers = [];

/**
 * The trace headers of a message, fit to be published with what comes of it: at most two, of known form and at most 567
 * characters. They are the one exception to the rule that headers which arrive with a message never reach a publish.
 * Nothing proves them: they are good for following a message, not for deciding about it.
 */
export function carriedTrace(headers: Headers): Headers {
  if (headers.length === 0) return NONE;
  const found = readTrace(headers);
  return found === null ? NONE : traceHeaders(found);
}

export function traceHeaders({ traceparent, tracestate }: TraceContext): Headers {
  const parent = ["traceparent", traceparent] as const;
  return tracestate === "" ? [parent] : [parent, ["tracestate", tracestate]];
}

/** The headers with those of a trace added; a trace that is named in them already stays. */
export function withTrace(headers: Headers, trace: Headers): Headers {
  if (trace.length === 0 || headers.some(([name]) => NAMES.test(name))) return headers;
  return [...headers, ...trace];
}

function isTraceState(text: string): boolean {
  if (text === "" || text.length > MOST_STATE_CHARACTERS) return false;
  const members = text.split(",").map((member) => member.replace(/^[ \t]+|[ \t]+$/g, ""));
  const keys = members.map((member) => member.slice(0, Math.max(0, member.indexOf("="))));
  if (members.length > MOST_STATE_MEMBERS || new Set(keys).size < keys.length) return false;
  return members.every((member, at) => {
    const key = keys[at] ?? "";
    return STATE_KEY.test(key) && STATE_VALUE.test(member.slice(key.length + 1));
  });
}
