import type { Logger } from "../../../shared/telemetry/logger.ts";
import type { Arrival } from "../ingest.ts";

const SAMPLE_EVERY_MS = 10_000;

/**
 * Logs one rejection per ingest and code, and one publish failure per stream and kind, in ten seconds; with it how many
 * were left out. A flood of rubbish must not become a flood of log lines.
 */
export class RejectionLog {
  readonly #log: Logger;
  readonly #last = new Map<string, { at: number; suppressed: number }>();

  constructor(log: Logger) {
    this.#log = log;
  }

  rejected(ingest: string, rejection: { readonly code: string; readonly detail: string }, arrival: Arrival): void {
    const suppressed = this.#sample(`${ingest} ${rejection.code}`, arrival.arrivedAt);
    if (suppressed === null) return;
    this.#log.warn({ ingest, ...rejection, subject: arrival.subject, suppressed }, "rejected a message");
  }

  publishFailed(stream: string, failure: string, detail: string, now: number): void {
    const suppressed = this.#sample(`${stream} ${failure}`, now);
    if (suppressed === null) return;
    this.#log.warn({ stream, failure, detail, suppressed }, "a publish was not stored; it is retried");
  }

  /** How many of this kind were left out since the last line, or null when this one is to be left out too. */
  #sample(kind: string, now: number): number | null {
    const last = this.#last.get(kind);
    if (last !== undefined && now - last.at < SAMPLE_EVERY_MS) {
      last.suppressed += 1;
      return null;
    }
    this.#last.set(kind, { at: now, suppressed: 0 });
    return last?.suppressed ?? 0;
  }
}
