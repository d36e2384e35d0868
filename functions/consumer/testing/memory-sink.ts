import type { OutboundMessage, Sink } from "../../../shared/sinks/sink.ts";

/** What a handler published. */
export interface TestOutput {
  readonly sink: string;
  readonly id: string;
  /** What it stays in order with; empty when it has none. */
  readonly key: string;
  /** Empty when there is no such header. */
  header(name: string): string;
  readonly body: Uint8Array;
  readonly text: string;
  /** The body as JSON; throws when it is none. */
  json(): unknown;
}

/** A sink that keeps what it is given, once for each id; with an `error` it rejects everything with that. */
export function memorySink(name: string, outputs: TestOutput[], error: Error | null): Sink {
  return {
    name,
    async write(message, signal) {
      signal.throwIfAborted();
      if (error !== null) throw error;
      const duplicate = outputs.some(({ sink, id }) => sink === name && id === message.id);
      if (!duplicate) outputs.push(outputOf(name, message));
      return { duplicate };
    },
    async [Symbol.asyncDispose]() {},
  };
}

/** An output with its body in every form a test may want. */
export function makeOutput(output: Omit<TestOutput, "text" | "json">): TestOutput {
  const text = Buffer.from(output.body).toString("utf8");
  return { ...output, text, json: () => JSON.parse(text) };
}

function outputOf(sink: string, { id, key, headers, body }: OutboundMessage): TestOutput {
  const known = new Map(headers);
  return makeOutput({ sink, id, key, header: (name) => known.get(name) ?? "", body });
}
