import type { Receipt } from "../sinks/sink.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { JobMessage } from "./message.ts";

interface OutputFacts {
  /** Added to the `Choria-*` headers of the input; a name given here replaces the input's. Names in `Nats-` are ignored. */
  readonly headers?: Readonly<Record<string, string>>;
  /** What must stay in order at the target. Default: the input's sender. */
  readonly key?: string;
}

/** Something a handler publishes: bytes or text as they are, or data that is stored as JSON. */
export type Output<T = unknown> = OutputFacts &
  (
    | { readonly body: Uint8Array | string; readonly data?: never }
    /** Checked against the handler's `output` schema when it has one. */
    | { readonly data: T; readonly body?: never }
  );

/** A sink, for a handler that writes to one place. */
export interface OutputSink<T = unknown> {
  /** As `publish`, to this sink. */
  write(output: Output<T>): Promise<Receipt>;
}

/** What belongs to one message of a run. */
export interface MessageContext<T = unknown> {
  /** Aborted when the run is over for this message: the deadline, a lost lease, a worker that has to stop. */
  readonly signal: AbortSignal;
  /** From 1. Runs are counted, not deliveries; one that snoozed is not counted. */
  readonly attempt: number;
  /** Says job, message and attempt on every line. */
  readonly log: Logger;
  /**
   * Resolves once the sink has stored the output. Its message id is made from the input's id, the handler's name and the
   * number of the output, so a repeated run that publishes in the same order stores nothing twice. A run is done only
   * when everything it published is stored, awaited or not.
   */
  publish(sink: string, output: Output<T>): Promise<Receipt>;
  sink(name: string): OutputSink<T>;
}

/** What bounds a run, and how it moves its bound. */
interface RunBounds {
  /** When the run is given up. A heartbeat moves it. */
  readonly deadline: Date;
  /**
   * Says that the run is getting on: its timeout counts anew from now, up to the handler's `maxRunMs` in all. Without
   * heartbeats the timeout is hard. The lease of the message needs none: the worker renews it by itself.
   */
  heartbeat(): void;
}

/** What a run may use besides its message. */
export interface JobContext<T = unknown> extends MessageContext<T>, RunBounds {}

/** What the run of a batch may use besides its messages. */
export interface BatchContext<T = unknown> extends RunBounds {
  /** Aborted at the deadline, and when the worker has to stop; the loss of one lease aborts that of its message only. */
  readonly signal: AbortSignal;
  readonly log: Logger;
  /** Throws a RangeError for a message that is not of this batch. */
  of(message: JobMessage<unknown>): MessageContext<T>;
}
