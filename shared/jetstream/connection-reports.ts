import type { Logger } from "../telemetry/logger.ts";
import type { Denial } from "./connect.ts";
import { ConnectionHealth } from "./connection-health.ts";
import { ConnectionLog } from "./connection-log.ts";

/** What becomes of a process's connections, for `/readyz` and for its log at once. */
export class ConnectionReports {
  readonly health: ConnectionHealth;
  readonly #log: ConnectionLog;

  /** `now` is a monotonic clock in milliseconds. */
  constructor(log: Logger, now: () => number) {
    this.health = new ConnectionHealth(now);
    this.#log = new ConnectionLog(log, now);
  }

  /** `meaning`: what it is for whoever reads the line, beginning with its own punctuation. */
  disconnected(connection: string, meaning = ""): void {
    this.health.disconnected(connection);
    this.#log.disconnected(connection, meaning);
  }

  reconnected(connection: string, downMs: number): void {
    this.health.reconnected(connection);
    this.#log.reconnected(connection, downMs);
  }

  failed(connection: string, text: string, denial: Denial | null): void {
    this.health.failed(connection, text, denial);
    this.#log.failed(connection, text, denial);
  }

  /** Logged once, however often the server says it. */
  denied(connection: string, denial: Denial, text = notAllowed(denial)): void {
    if (this.health.denied(connection, denial, text)) this.#log.denied(connection, text);
  }

  allowed(connection: string, denial: Denial): void {
    this.health.allowed(connection, denial);
    this.#log.allowed(connection, denial);
  }
}

function notAllowed({ subject }: Denial): string {
  return `may not subscribe to "${subject}"; allow it at the server`;
}
