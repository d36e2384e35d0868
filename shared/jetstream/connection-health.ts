import type { Denial } from "./connect.ts";

/** How long an error of the server counts after it was last reported: what still fails reports it again by then. */
const ERROR_COUNTS_MS = 30_000;

/** Subjects can be as many as messages; these are enough to act on. */
const MOST_DENIED = 50;

interface ReportedError {
  readonly text: string;
  /** Monotonic milliseconds. */
  readonly until: number;
  /** Why the connection did not come back: that it did answers it. */
  readonly whileDown: boolean;
}

/** What is wrong with a process's connections right now: the reasons behind `/readyz`. */
export class ConnectionHealth {
  readonly #now: () => number;
  readonly #down = new Set<string>();
  readonly #errors = new Map<string, ReportedError>();
  /** By connection, then by what was refused. */
  readonly #denied = new Map<string, Map<string, string>>();

  /** `now` is a monotonic clock in milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** One line each; empty when nothing is wrong. */
  get problems(): readonly string[] {
    const down = [...this.#down].map((connection) => `connection ${connection} is down`);
    const now = this.#now();
    const errors = [...this.#errors.values()].filter(({ until }) => until > now).map(({ text }) => text);
    const denied = [...this.#denied.values()].flatMap((texts) => [...texts.values()]);
    return [...down, ...errors, ...denied];
  }

  disconnected(connection: string): void {
    this.#down.add(connection);
  }

  /** What may be published is decided when a connection is made: what was refused before is tried again by whoever needs it. */
  reconnected(connection: string): void {
    this.#down.delete(connection);
    const error = this.#errors.get(connection);
    if (error?.whileDown === true) this.#errors.delete(connection);
    const denied = this.#denied.get(connection);
    for (const what of denied?.keys() ?? []) if (what.startsWith("publish ")) denied?.delete(what);
  }

  failed(connection: string, text: string): void {
    const until = this.#now() + ERROR_COUNTS_MS;
    const whileDown = this.#down.has(connection);
    this.#errors.set(connection, { text: `connection ${connection}: ${text}`, until, whileDown });
  }

  /** A refused subject, until `allowed`; a refused publish also until the next reconnect. True when it is news. */
  denied(connection: string, denial: Denial, text: string): boolean {
    const denied = this.#denied.get(connection) ?? new Map<string, string>();
    this.#denied.set(connection, denied);
    const isNews = !denied.has(nameOf(denial));
    if (isNews && denied.size === MOST_DENIED) return false;
    denied.set(nameOf(denial), `connection ${connection}: ${text}`);
    return isNews;
  }

  allowed(connection: string, denial: Denial): void {
    this.#denied.get(connection)?.delete(nameOf(denial));
  }

  /** Whether the server refuses that connection anything. */
  isDenied(connection: string): boolean {
    return (this.#denied.get(connection)?.size ?? 0) > 0;
  }
}

function nameOf({ operation, subject }: Denial): string {
  return `${operation} ${subject}`;
}
