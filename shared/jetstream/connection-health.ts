/** How long an error of the server counts after it was last reported: what still fails reports it again by then. */
const ERROR_COUNTS_MS = 30_000;

interface ReportedError {
  readonly text: string;
  /** Monotonic milliseconds. */
  readonly until: number;
}

/** What is wrong with a process's connections right now: the reasons behind `/readyz`. */
export class ConnectionHealth {
  readonly #now: () => number;
  readonly #down = new Set<string>();
  readonly #errors = new Map<string, ReportedError>();

  /** `now` is a monotonic clock in milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** One line each; empty when nothing is wrong. */
  get problems(): readonly string[] {
    const down = [...this.#down].map((connection) => `connection ${connection} is down`);
    const now = this.#now();
    const errors = [...this.#errors.values()].filter(({ until }) => until > now);
    return [...down, ...errors.map(({ text }) => text)];
  }

  disconnected(connection: string): void {
    this.#down.add(connection);
  }

  reconnected(connection: string): void {
    this.#down.delete(connection);
  }

  /** `lasting`: nothing short of a restart mends it. */
  failed(connection: string, text: string, lasting: boolean): void {
    if (this.#errors.get(connection)?.until === Number.POSITIVE_INFINITY) return;
    const until = lasting ? Number.POSITIVE_INFINITY : this.#now() + ERROR_COUNTS_MS;
    this.#errors.set(connection, { text: `connection ${connection}: ${text}`, until });
  }
}
