import {
  type Context,
  context,
  createTraceState,
  isSpanContextValid,
  ProxyTracerProvider,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import { type Headers, readTrace, traceHeaders } from "./trace-context.ts";

type Attributes = Readonly<Record<string, string | number | boolean>>;

export interface SpanPlan {
  readonly name: string;
  /** `consumer`: what a message causes, so its parent is the trace of the message. `producer`: a child of what runs now. */
  readonly kind: "consumer" | "producer";
  readonly attributes: Attributes;
  /** Headers of the message that caused it. */
  readonly cause: Headers;
}

export interface SpanEnd {
  readonly attributes: Attributes;
  /** null: it went well. */
  readonly error: string | null;
}

/** Spans in the OpenTelemetry SDK that the user has registered. */
export interface Tracing {
  /**
   * Runs `work` within a span and passes on what became of it. `work` is given the headers that carry the span on. A
   * tracer that throws costs its span, never the work.
   */
  span<T>(plan: SpanPlan, work: (headers: Headers) => Promise<T>, endOf: (result: T) => SpanEnd): Promise<T>;
  /** Notes an error on the span that is active. */
  failed(error: unknown): void;
}

const VERSION = "00";

/** Null when no SDK is registered: then nothing has to be done at all. Ask once, after the user's modules were loaded. */
export function registeredTracing(): Tracing | null {
  return isRegistered() ? new RegisteredTracing(trace.getTracer("choria-bridge")) : null;
}

/** Without an SDK the API answers with a proxy whose delegate does nothing, the same for all proxies. */
function isRegistered(): boolean {
  const provider = trace.getTracerProvider();
  return (
    !(provider instanceof ProxyTracerProvider) || provider.getDelegate() !== new ProxyTracerProvider().getDelegate()
  );
}

class RegisteredTracing implements Tracing {
  readonly #tracer: Tracer;

  constructor(tracer: Tracer) {
    this.#tracer = tracer;
  }

  async span<T>(plan: SpanPlan, work: (headers: Headers) => Promise<T>, endOf: (result: T) => SpanEnd): Promise<T> {
    const parent = parentOf(plan);
    const span = this.#start(plan, parent);
    if (span === null) return work(plan.cause);
    try {
      const result = await context.with(trace.setSpan(parent, span), () => work(headersOf(span) ?? plan.cause));
      quietly(() => end(span, endOf(result)));
      return result;
    } catch (error) {
      quietly(() => {
        span.recordException(exceptionOf(error));
        end(span, { attributes: {}, error: String(error) });
      });
      throw error;
    }
  }

  failed(error: unknown): void {
    quietly(() => trace.getActiveSpan()?.recordException(exceptionOf(error)));
  }

  #start({ name, kind, attributes }: SpanPlan, parent: Context): Span | null {
    const spanKind = kind === "consumer" ? SpanKind.CONSUMER : SpanKind.PRODUCER;
    return quietly(() => this.#tracer.startSpan(name, { kind: spanKind, attributes }, parent));
  }
}

function end(span: Span, { attributes, error }: SpanEnd): void {
  span.setAttributes(attributes);
  if (error !== null) span.setStatus({ code: SpanStatusCode.ERROR, message: error });
  span.end();
}

/** Samplers and processors are the user's: what they throw is not the message's fault. */
function quietly<T>(call: () => T): T | null {
  try {
    return call();
  } catch {
    return null;
  }
}

/** What is active in the process when a message is taken up has nothing to do with the message. */
function parentOf({ kind, cause }: SpanPlan): Context {
  const active = context.active();
  if (kind === "producer" && trace.getSpan(active) !== undefined) return active;
  const remote = remoteSpan(cause);
  return remote === null ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, remote);
}

function remoteSpan(headers: Headers): SpanContext | null {
  const found = readTrace(headers);
  if (found === null) return null;
  const [, traceId = "", spanId = "", flags = ""] = found.traceparent.split("-");
  const remote = { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true };
  return found.tracestate === "" ? remote : { ...remote, traceState: createTraceState(found.tracestate) };
}

function headersOf(span: Span): Headers | null {
  const { traceId, spanId, traceFlags, traceState } = span.spanContext();
  if (!isSpanContextValid({ traceId, spanId, traceFlags })) return null;
  const flags = (traceFlags & 0xff).toString(16).padStart(2, "0");
  return traceHeaders({
    traceparent: `${VERSION}-${traceId}-${spanId}-${flags}`,
    tracestate: traceState?.serialize() ?? "",
  });
}

function exceptionOf(error: unknown): Error | string {
  return error instanceof Error ? error : String(error);
}
