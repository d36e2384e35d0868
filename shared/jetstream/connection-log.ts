import { LogSample } from "../telemetry/log-sample.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { Denial } from "./connect.ts";
import { errorKind } from "./connection-health.ts";

const SAME_EVERY_MS = 60_000;

/** Subjects can be as many as messages, and each would be a line: beyond so many all errors are one kind. */
const MOST_KINDS = 20;
const OTHERS = "others";

/** Of a connection, since it was there last. */
interface Reported {
  readonly kinds: Set<string>;
  readonly sample: LogSample;
}

/**
 * What becomes of a process's connections, in its log. A server that takes a connection back only with other credentials
 * refuses it about once a second, for as long as nobody stores them: what it says is logged at once, and once a minute
 * while it says the same.
 */
export class ConnectionLog {
  readonly #log: Logger;
  readonly #now: () => number;
  /** By connection. */
  readonly #reported = new Map<string, Reported>();

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
    this.#reported.delete(connection);
    this.#log.info({ connection, downMs }, "reconnected");
  }

  failed(connection: string, text: string, denial: Denial | null): void {
    const reported = this.#reported.get(connection) ?? { kinds: new Set(), sample: new LogSample(SAME_EVERY_MS) };
    this.#reported.set(connection, reported);
    const { kinds, sample } = reported;
    const kind = errorKind(text, denial);
    if (kinds.size < MOST_KINDS) kinds.add(kind);
    const suppressed = sample.take(kinds.has(kind) ? kind : OTHERS, this.#now());
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
