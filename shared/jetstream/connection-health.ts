import type { Denial } from "./connect.ts";

/** How long an error of the server counts after it was last reported: what still fails reports it again by then. */
const ERROR_COUNTS_MS = 30_000;

/** Of a connection: subjects can be as many as messages; these are enough to act on. */
const MOST_KINDS = 50;

/** Acknowledgements have a subject each, and one grant. */
export const ACKS = "$JS.ACK.>";

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
  /** By connection, then by kind. */
  readonly #errors = new Map<string, Map<string, ReportedError>>();
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
    const reported = [...this.#errors.values()].flatMap((errors) => [...errors.values()]);
    const errors = reported.filter(({ until }) => until > now).map(({ text }) => text);
    const denied = [...this.#denied.values()].flatMap((texts) => [...texts.values()]);
    return [...down, ...errors, ...denied];
  }

  disconnected(connection: string): void {
    this.#down.add(connection);
  }

  /** What may be published is decided when a connection is made: what was refused before is tried again by whoever needs it. */
  reconnected(connection: string): void {
    this.#down.delete(connection);
    const errors = this.#errors.get(connection);
    for (const [kind, { whileDown }] of errors ?? []) if (whileDown) errors?.delete(kind);
    const denied = this.#denied.get(connection);
    for (const what of denied?.keys() ?? []) if (what.startsWith("publish ")) denied?.delete(what);
  }

  /** `denial`: what the server did not allow, when that is what failed. */
  failed(connection: string, text: string, denial: Denial | null): void {
    const now = this.#now();
    const errors = this.#errors.get(connection) ?? new Map<string, ReportedError>();
    this.#errors.set(connection, errors);
    for (const [kind, { until }] of errors) if (until <= now) errors.delete(kind);
    const kind = errorKind(text, denial);
    if (errors.size === MOST_KINDS && !errors.has(kind)) return;
    const whileDown = this.#down.has(connection);
    errors.set(kind, { text: `connection ${connection}: ${text}`, until: now + ERROR_COUNTS_MS, whileDown });
  }

  /** A refused subject, until `allowed`; a refused publish also until the next reconnect. True when it is news. */
  denied(connection: string, denial: Denial, text: string): boolean {
    const denied = this.#denied.get(connection) ?? new Map<string, string>();
    this.#denied.set(connection, denied);
    const isNews = !denied.has(nameOf(denial));
    if (isNews && denied.size === MOST_KINDS) return false;
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

/** What an error is one of many of: refused subjects are told apart, refused acknowledgements are not. */
export function errorKind(text: string, denial: Denial | null): string {
  if (denial === null) return text;
  const isAck = denial.operation === "publish" && denial.subject.startsWith(ACKS.slice(0, -1));
  return nameOf(isAck ? { ...denial, subject: ACKS } : denial);
}

function nameOf({ operation, subject }: Denial): string {
  return `${operation} ${subject}`;
}
