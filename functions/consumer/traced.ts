import type { OutboundMessage, Receipt } from "../../shared/sinks/sink.ts";
import { registeredTracing, type SpanEnd, type Tracing } from "../../shared/telemetry/trace.ts";
import { carriedTrace, type Headers, withTrace } from "../../shared/telemetry/trace-context.ts";
import { inputId, type StoredInput } from "./message.ts";
import type { RunEnd } from "./run.ts";
import type { RunAttempt } from "./run-attempt.ts";

export interface TracedRun {
  /** Name in the configuration. */
  readonly job: string;
  readonly delivery: StoredInput;
  /** Its number is read for a span only: it costs parsing the headers. */
  readonly attempt: Pick<RunAttempt, "number">;
}

export interface TracedPublish {
  readonly sink: string;
  /** The message whose run publishes. */
  readonly delivery: StoredInput;
  readonly message: OutboundMessage;
}

/** What traces a worker's runs and outputs. */
export interface Traced {
  /** One run, `start` included: spans that the handler makes are its children, and runs of one message are siblings. */
  run(run: TracedRun, start: () => Promise<RunEnd>): Promise<RunEnd>;
  /** Notes the error that a run ended in, from within the run. */
  failed(error: unknown): void;
  /** One output; `write` is given the message with the headers of its trace, unless the handler has set them. */
  publish(publish: TracedPublish, write: (message: OutboundMessage) => Promise<Receipt>): Promise<Receipt>;
}

/** Looks once whether an OpenTelemetry SDK is registered. Without one, traces only pass through. */
export function tracedBySdk(): Traced {
  const tracing = registeredTracing();
  return tracing === null ? PASSING : tracedBy(tracing);
}

const PASSING: Traced = {
  run: (_run, start) => start(),
  failed: () => {},
  publish: ({ message, delivery }, write) => write(carrying(message, carriedTrace(delivery.headers()))),
};

function tracedBy(tracing: Tracing): Traced {
  return {
    run({ job, delivery, attempt }, start) {
      const attributes = {
        "messaging.system": "nats",
        "messaging.operation.type": "process",
        "messaging.destination.name": delivery.stream,
        "messaging.message.id": inputId(delivery),
        "choria.sender": delivery.header("Choria-Sender"),
        "job.attempt": attempt.number,
      };
      const plan = { name: `job ${job}`, kind: "consumer", attributes, cause: delivery.headers() } as const;
      return tracing.span(plan, start, spanEndOf);
    },
    failed: (error) => tracing.failed(error),
    publish({ sink, delivery, message }, write) {
      const attributes = {
        "messaging.system": "nats",
        "messaging.operation.type": "send",
        "messaging.destination.name": sink,
        "messaging.message.id": message.id,
      };
      const cause = carriedTrace(delivery.headers());
      const plan = { name: `publish ${sink}`, kind: "producer", attributes, cause } as const;
      return tracing.span(
        plan,
        (headers) => write(carrying(message, headers)),
        ({ duplicate }) => ({ attributes: { "publish.duplicate": duplicate }, error: null }),
      );
    },
  };
}

function carrying(message: OutboundMessage, trace: Headers): OutboundMessage {
  const headers = withTrace(message.headers, trace);
  return headers === message.headers ? message : { ...message, headers };
}

/** A retry is a run that failed, whether the handler threw or asked for it. */
function spanEndOf(end: RunEnd): SpanEnd {
  if (end === "returned") return { attributes: { "job.outcome": end }, error: null };
  if (end === "lost") return { attributes: { "job.outcome": end }, error: "LEASE_LOST" };
  const reason = "reason" in end ? end.reason : "";
  const attributes = { "job.outcome": end.type, ...(reason === "" ? {} : { "job.reason": reason }) };
  const failed = end.type === "retry" || end.type === "dead";
  return { attributes, error: failed ? reason : null };
}
