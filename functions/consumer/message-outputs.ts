import type { MessageContext, Output, OutputSink } from "../../shared/jobs/context.ts";
import { type Encoded, issuesText } from "../../shared/jobs/document.ts";
import { JobsError, OutputInvalidError, UnknownSinkError } from "../../shared/jobs/errors.ts";
import { outputId } from "../../shared/jobs/output-id.ts";
import type { OutboundMessage, Receipt, Sink } from "../../shared/sinks/sink.ts";
import type { Logger } from "../../shared/telemetry/logger.ts";
import type { Ending } from "./ending.ts";
import type { JobObserver } from "./events.ts";
import type { Job } from "./job.ts";
import { inputId, type StoredInput } from "./message.ts";
import type { RunAttempt } from "./run-attempt.ts";
import type { Traced } from "./traced.ts";

/** What every run of a job shares. */
export interface RunTools {
  readonly job: Job;
  readonly sinks: ReadonlyMap<string, Sink>;
  readonly log: Logger;
  readonly onEvent: JobObserver;
  readonly traced: Traced;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

export interface RunSubject {
  readonly input: StoredInput;
  readonly attempt: RunAttempt;
  readonly ending: Ending;
}

/** What a run may do about one message. The log is made when asked for. */
export class MessageOutputs implements MessageContext {
  readonly #attempt: RunAttempt;
  readonly #tools: RunTools;
  readonly #input: StoredInput;
  readonly #ending: Ending;
  #outputs: Promise<Receipt>[] | null = null;
  #log: Logger | null = null;

  constructor(tools: RunTools, { input, attempt, ending }: RunSubject) {
    this.#attempt = attempt;
    this.#tools = tools;
    this.#input = input;
    this.#ending = ending;
  }

  get attempt(): number {
    return this.#attempt.number;
  }

  get signal(): AbortSignal {
    return this.#ending.signal;
  }

  get log(): Logger {
    const { stream, streamSequence: sequence } = this.#input;
    this.#log ??= this.#tools.log.child({ id: inputId(this.#input), stream, sequence, attempt: this.attempt });
    return this.#log;
  }

  publish(sinkName: string, output: Output): Promise<Receipt> {
    this.#outputs ??= [];
    const pending = this.#write(sinkName, output, this.#outputs.length);
    this.#outputs.push(pending);
    pending.catch(() => {}); // `stored` reports it, also when the handler did not wait for it
    return pending;
  }

  sink(name: string): OutputSink {
    return { write: (output) => this.publish(name, output) };
  }

  /** Resolves once everything published so far is stored; rejects with the first failure. Null: nothing was published. */
  stored(): Promise<unknown> | null {
    return this.#outputs === null ? null : Promise.all(this.#outputs);
  }

  async #write(sinkName: string, output: Output, index: number): Promise<Receipt> {
    this.#mustGoOn();
    const sink = this.#tools.sinks.get(sinkName);
    if (sink === undefined) throw new UnknownSinkError(sinkName);
    const encoding = this.#encode(output);
    const encoded = encoding instanceof Promise ? await encoding : encoding;
    if (!encoded.ok) throw new OutputInvalidError(sinkName, issuesText(encoded.issues));
    this.#mustGoOn(); // an asynchronous check takes time
    return this.#store(sink, this.#outbound(output, encoded.body, index));
  }

  async #store(sink: Sink, output: OutboundMessage): Promise<Receipt> {
    const { traced, job, now, onEvent } = this.#tools;
    const publish = { sink: sink.name, delivery: this.#input, message: output };
    const { signal } = this;
    const startedAt = now();
    try {
      const receipt = await traced.publish(publish, (message) => sink.write(message, signal));
      const { duplicate, maybeDuplicate = false } = receipt;
      const writeMs = now() - startedAt;
      onEvent({ type: "published", job: job.name, sink: sink.name, duplicate, maybeDuplicate, writeMs });
      return receipt;
    } catch (error) {
      onEvent({ type: "publish_failed", job: job.name, sink: sink.name, code: codeOf(error) });
      throw error;
    }
  }

  #mustGoOn(): void {
    if (this.#ending.reason !== null) throw this.#ending.reason;
  }

  /** A handler may be JavaScript: what it publishes is looked at before it is believed. */
  #encode(output: Output): Encoded | Promise<Encoded> {
    const { body, data }: { body?: unknown; data?: unknown } = output ?? {};
    if (data !== undefined && body === undefined) return this.#tools.job.handler.writeOutput(data);
    if (typeof body === "string") return { ok: true, body: Buffer.from(body) };
    if (body instanceof Uint8Array) return { ok: true, body };
    return { ok: false, issues: [{ path: "", problem: "it has neither a body of bytes or text nor data" }] };
  }

  #outbound({ headers = {}, key }: Output, body: Uint8Array, index: number): OutboundMessage {
    const input = this.#input;
    const inherited = input.headers().filter(([name]) => name.startsWith("Choria-") && !Object.hasOwn(headers, name));
    const own = Object.entries(headers).filter(([name]) => !/^nats-/i.test(name));
    return {
      id: outputId({ inputId: inputId(input), handler: this.#tools.job.handler.name, index }),
      key: key ?? input.header("Choria-Sender"),
      headers: [...inherited, ...own],
      body,
    };
  }
}

function codeOf(error: unknown): string {
  return error instanceof JobsError ? error.code : "UNKNOWN";
}
