import { context, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
  type SpanProcessor,
} from "@opentelemetry/sdk-trace-base";

export interface TestSdk {
  /** Spans that have ended, of that name. */
  named(name: string): readonly ReadableSpan[];
}

/** Registers the real SDK, as a user does before starting a worker; unregistered again with the test. */
export function registerSdk(t: { after(cleanUp: () => void): void }, more: readonly SpanProcessor[] = []): TestSdk {
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({ spanProcessors: [...more, new SimpleSpanProcessor(exporter)] });
  trace.setGlobalTracerProvider(provider);
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  t.after(() => {
    trace.disable();
    context.disable();
  });
  return { named: (name) => exporter.getFinishedSpans().filter((span) => span.name === name) };
}
