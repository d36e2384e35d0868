import { LogSample } from "../../../shared/telemetry/log-sample.ts";
import type { Logger } from "../../../shared/telemetry/logger.ts";
import type { Arrival } from "../ingest.ts";

const SAMPLE_EVERY_MS = 10_000;

/**
 * Logs one rejection per ingest and code, and one publish failure per stream and kind, in ten seconds; with it how many
 * were left out. A flood of rubbish must not become a flood of log lines.
 */
export class RejectionLog {
  readonly #log: Logger;
  readonly #sample = new LogSample(SAMPLE_EVERY_MS);

  constructor(log: Logger) {
    this.#log = log;
  }

  rejected(ingest: string, rejection: { readonly code: string; readonly detail: string }, arrival: Arrival): void {
    const suppressed = this.#sample.take(`${ingest} ${rejection.code}`, arrival.arrivedAt);
    if (suppressed === null) return;
    this.#log.warn({ ingest, ...rejection, subject: arrival.subject, suppressed }, "rejected a message");
  }

  publishFailed(stream: string, failure: string, detail: string, now: number): void {
    const suppressed = this.#sample.take(`${stream} ${failure}`, now);
    if (suppressed === null) return;
    this.#log.warn({ stream, failure, detail, suppressed }, "a publish was not stored; it is retried");
  }
}
