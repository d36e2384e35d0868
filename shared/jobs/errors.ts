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

/** A run took longer than its timeout, or than the lease of its message. What it did after that is ignored. */
export class RunTimeoutError extends JobsError {
  override readonly name = "RunTimeoutError";
  readonly code = "TIMEOUT";
  readonly retryable = true;

  constructor(timeoutMs: number) {
    super(`the run did not end within ${Math.round(timeoutMs)} ms`);
  }
}

/** A handler publishes to a sink that the configuration does not name. Retryable: the configuration can be mended. */
export class UnknownSinkError extends JobsError {
  override readonly name = "UnknownSinkError";
  readonly code = "UNKNOWN_SINK";
  readonly retryable = true;

  constructor(sink: string) {
    super(`no sink "${sink}" in the configuration`);
  }
}

/** The lease of a message could not be kept: it may be in other hands, and what this run does is ignored. */
export class LeaseLostError extends JobsError {
  override readonly name = "LeaseLostError";
  readonly code = "LEASE_LOST";
  readonly retryable = true;

  constructor() {
    super("the lease of the message could not be renewed in time");
  }
}

/** A worker has to stop before the run ended: the message is given back, and the run's result ignored. */
export class WorkerStoppingError extends JobsError {
  override readonly name = "WorkerStoppingError";
  readonly code = "WORKER_STOPPING";
  readonly retryable = true;

  constructor() {
    super("the worker is stopping");
  }
}

/**
 * A run returned what is no outcome. Not retryable: what the run did is done, and the same code would return the same again
 * after doing it once more.
 */
export class BadOutcomeError extends JobsError {
  override readonly name = "BadOutcomeError";
  readonly code = "BAD_OUTCOME";
  readonly retryable = false;
}

/** A run publishes what its handler's `output` schema refuses, or what is no output at all. Its code has to be mended. */
export class OutputInvalidError extends JobsError {
  override readonly name = "OutputInvalidError";
  readonly code = "OUTPUT_INVALID";
  readonly retryable = false;

  /** `problem`: paths and what is wrong there. */
  constructor(sink: string, problem: string) {
    super(`output for sink "${sink}": ${problem}`);
  }
}

/** A batch handler returned no result for a message. */
export class OmittedError extends JobsError {
  override readonly name = "OmittedError";
  readonly code = "OMITTED";
  readonly retryable = true;

  constructor() {
    super("the run returned no result for this message");
  }
}
