import { LogSample } from "../telemetry/log-sample.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { Denial } from "./connect.ts";

const SAME_EVERY_MS = 60_000;

/**
 * What becomes of a process's connections, in its log. A server that takes a connection back only with other credentials
 * refuses it about once a second, for as long as nobody stores them: what it says is logged at once, and once a minute
 * while it says the same.
 */
export class ConnectionLog {
  readonly #log: Logger;
  readonly #now: () => number;
  /** By connection, since it was there last. */
  readonly #samples = new Map<string, LogSample>();

  /** `now` is a monotonic clock in milliseconds. */
  constructor(log: Logger, now: () => number) {
    this.#log = log;
    this.#now = now;
  }

  /** `meaning`: what it is for whoever reads the line, beginning with its own punctuation. */
  disconnected(connection: string, meaning = ""): void {
    this.#log.warn({ connection }, `disconnected${meaning}`);
  }

  reconnected(connection: string, downMs: number): void {
    this.#samples.delete(connection);
    this.#log.info({ connection, downMs }, "reconnected");
  }

  failed(connection: string, text: string, denial: Denial | null): void {
    const sample = this.#samples.get(connection) ?? new LogSample(SAME_EVERY_MS);
    this.#samples.set(connection, sample);
    // Acks have a subject each: by its text every refused one would be the first of its kind.
    const suppressed = sample.take(denial?.operation ?? text, this.#now());
    if (suppressed !== null) this.#log.error({ connection, suppressed }, text);
  }

  /** News, as `ConnectionHealth` judges it: it is logged each time. */
  denied(connection: string, text: string): void {
    this.#log.error({ connection }, text);
  }

  allowed(connection: string, { subject }: Denial): void {
    this.#log.info({ connection }, `may subscribe to "${subject}" now`);
  }
}
