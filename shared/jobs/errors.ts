/** Failures a job can end in. `code` is stable (docs/errors.md, metric label); `retryable` is the one fact the queue needs. */
export abstract class JobsError extends Error {
  abstract readonly code: string;
  abstract readonly retryable: boolean;
}

/** A sink did not confirm a message; trying again may succeed. */
export class SinkUnavailableError extends JobsError {
  override readonly name = "SinkUnavailableError";
  readonly code = "SINK_UNAVAILABLE";
  readonly retryable = true;

  readonly sink: string;

  constructor(sink: string, options?: ErrorOptions) {
    super(`sink "${sink}" did not confirm the message`, options);
    this.sink = sink;
  }
}

/** A sink will never take this message (too large, bad subject): retrying cannot help. */
export class SinkRefusedError extends JobsError {
  override readonly name = "SinkRefusedError";
  readonly code = "SINK_REFUSED";
  readonly retryable = false;

  readonly sink: string;

  constructor(sink: string, reason: string, options?: ErrorOptions) {
    super(`sink "${sink}" refused the message: ${reason}`, options);
    this.sink = sink;
  }
}
