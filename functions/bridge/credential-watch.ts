import { expiryState, firstExpiry } from "../../shared/jetstream/credential-expiry.ts";
import type { ConnectionSecrets, ConnectionSettings } from "../../shared/jetstream/spec.ts";
import type { Logger } from "../../shared/telemetry/logger.ts";

interface Context {
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
  readonly log: Logger;
  /** The files of a connection hold other credentials than at the last look. */
  readonly onChange: (connection: string) => void;
}

/** A few small files: whoever has just renewed a token should not have to wait. */
const LOOK_EVERY_MS = 10_000;

/** What a connection would show its server if it had to come back now. */
interface Watched {
  readonly settings: ConnectionSettings;
  secrets: ConnectionSecrets;
  /** The state that was last written to the log, by the end it is about. */
  told: string;
}

/**
 * Looks ahead at the credentials of connections. A broker lets a connection live on when its token ends, and refuses it at
 * the next reconnect: what counts is what the files hold by then, so the files are looked at and not the connection.
 */
export class CredentialWatch {
  readonly #context: Context;
  readonly #watched: ReadonlyMap<string, Watched>;
  readonly #timer: NodeJS.Timeout;

  constructor(connections: readonly ConnectionSettings[], context: Context) {
    this.#context = context;
    this.#watched = new Map(
      connections.map((settings) => [settings.name, { settings, secrets: settings, told: "valid" }]),
    );
    this.look();
    this.#timer = setInterval(() => this.look(), LOOK_EVERY_MS);
    this.#timer.unref();
  }

  /** Milliseconds since 1970 when the first credential of each connection ends; connections without an end are left out. */
  *expiries(): Iterable<readonly [connection: string, endsAtMs: number]> {
    for (const [name, { secrets }] of this.#watched) {
      const first = firstExpiry(secrets);
      if (first !== null) yield [name, first.endsAtMs];
    }
  }

  /** One line for each connection whose credentials end soon, or have ended. */
  get warnings(): readonly string[] {
    return [...this.#watched].flatMap(([name, { secrets }]) => this.#warning(name, secrets) ?? []);
  }

  /** Reads the files again, writes to the log what ends soon, and tells of what has changed. */
  look(): void {
    for (const [name, watched] of this.#watched) {
      if (this.#hasChanged(watched)) {
        this.#context.log.info({ connection: name }, "the files hold new credentials; used at the next reconnect");
        this.#context.onChange(name);
      }
      this.#tell(name, watched);
    }
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** Files that cannot be read now are the reconnect's to complain about. */
  #hasChanged(watched: Watched): boolean {
    const before = watched.secrets;
    try {
      watched.secrets = watched.settings.reread?.() ?? before;
    } catch {
      return false;
    }
    return textOf(before) !== textOf(watched.secrets);
  }

  #tell(name: string, watched: Watched): void {
    const { wallClock, log } = this.#context;
    const first = firstExpiry(watched.secrets);
    const state = first === null ? "valid" : expiryState(first, wallClock());
    const told = `${state} ${first?.endsAtMs ?? ""}`;
    if (watched.told === told) return;
    watched.told = told;
    const text = this.#warning(name, watched.secrets);
    if (text !== null) log[state === "expired" ? "error" : "warn"]({ connection: name }, text);
  }

  #warning(name: string, secrets: ConnectionSecrets): string | null {
    const first = firstExpiry(secrets);
    if (first === null) return null;
    const state = expiryState(first, this.#context.wallClock());
    if (state === "valid") return null;
    const date = new Date(first.endsAtMs).toISOString();
    const text = state === "expired" ? `expired at ${date}: the next reconnect is refused` : `ends at ${date}`;
    return `connection ${name}: ${first.what} ${text}; store a new one, the files are read again`;
  }
}

/** A signature's function is no part of it: the token beside it says whose it is. */
function textOf({ tls, credentials }: ConnectionSecrets): string {
  return JSON.stringify({ tls, credentials });
}
