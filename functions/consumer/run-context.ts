import { setMaxListeners } from "node:events";
import type { Delivery } from "../../shared/jetstream/delivery.ts";
import { JobsError, UnknownSinkError } from "../../shared/jobs/errors.ts";
import type { JobContext, Output } from "../../shared/jobs/handler.ts";
import { outputId } from "../../shared/jobs/output-id.ts";
import type { OutboundMessage, Receipt, Sink } from "../../shared/sinks/sink.ts";
import type { Logger } from "../../shared/telemetry/log.ts";
import type { JobObserver } from "./events.ts";
import type { Job } from "./job.ts";
import { inputId } from "./message.ts";
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

interface RunFacts {
  readonly delivery: Delivery;
  readonly attempt: RunAttempt;
  /** Milliseconds since 1970. */
  readonly deadlineMs: number;
}

/** The context of one run. Signal, log and deadline are made when asked for: a run that needs none pays for none. */
export class RunContext implements JobContext {
  readonly #attempt: RunAttempt;
  readonly #tools: RunTools;
  readonly #delivery: Delivery;
  readonly #deadlineMs: number;
  #outputs: Promise<Receipt>[] | null = null;
  #controller: AbortController | null = null;
  #ended: Error | null = null;

  constructor(tools: RunTools, { delivery, attempt, deadlineMs }: RunFacts) {
    this.#attempt = attempt;
    this.#tools = tools;
    this.#delivery = delivery;
    this.#deadlineMs = deadlineMs;
  }

  get attempt(): number {
    return this.#attempt.number;
  }

  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController();
      setMaxListeners(0, this.#controller.signal); // each output listens while it is being stored: that is no leak
      if (this.#ended !== null) this.#controller.abort(this.#ended);
    }
    return this.#controller.signal;
  }

  get deadline(): Date {
    return new Date(this.#deadlineMs);
  }

  get log(): Logger {
    const { stream, streamSequence } = this.#delivery;
    return this.#tools.log.child({ stream, sequence: streamSequence, attempt: this.attempt });
  }

  publish(sinkName: string, output: Output): Promise<Receipt> {
    this.#outputs ??= [];
    const pending = this.#write(sinkName, output, this.#outputs.length);
    this.#outputs.push(pending);
    pending.catch(() => {}); // `stored` reports it, also when the handler did not wait for it
    return pending;
  }

  /** Resolves once everything published so far is stored; rejects with the first failure. Null: nothing was published. */
  stored(): Promise<unknown> | null {
    return this.#outputs === null ? null : Promise.all(this.#outputs);
  }

  /** The run is over as far as the worker is concerned: the handler is told, and can publish no more. */
  end(reason: Error): void {
    this.#ended = reason;
    this.#controller?.abort(reason);
  }

  async #write(sinkName: string, output: Output, index: number): Promise<Receipt> {
    if (this.#ended !== null) throw this.#ended;
    const sink = this.#tools.sinks.get(sinkName);
    if (sink === undefined) throw new UnknownSinkError(sinkName);
    const { traced, job, now, onEvent } = this.#tools;
    const publish = { sink: sinkName, delivery: this.#delivery, message: this.#outbound(output, index) };
    const { signal } = this;
    const startedAt = now();
    try {
      const receipt = await traced.publish(publish, (message) => sink.write(message, signal));
      const { duplicate, maybeDuplicate = false } = receipt;
      const writeMs = now() - startedAt;
      onEvent({ type: "published", job: job.name, sink: sinkName, duplicate, maybeDuplicate, writeMs });
      return receipt;
    } catch (error) {
      onEvent({ type: "publish_failed", job: job.name, sink: sinkName, code: codeOf(error) });
      throw error;
    }
  }

  #outbound({ body, headers = {}, key }: Output, index: number): OutboundMessage {
    const delivery = this.#delivery;
    const inherited = delivery
      .headers()
      .filter(([name]) => name.startsWith("Choria-") && !Object.hasOwn(headers, name));
    const own = Object.entries(headers).filter(([name]) => !/^nats-/i.test(name));
    return {
      id: outputId({ inputId: inputId(delivery), handler: this.#tools.job.handler.name, index }),
      key: key ?? delivery.header("Choria-Sender"),
      headers: [...inherited, ...own],
      body: typeof body === "string" ? Buffer.from(body) : body,
    };
  }
}

function codeOf(error: unknown): string {
  return error instanceof JobsError ? error.code : "UNKNOWN";
}
