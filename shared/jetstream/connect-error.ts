import { NatsError } from "nats";
import type { ConnectionSettings } from "./spec.ts";

/** A connection could not be opened: nothing answered, TLS failed, or the server refused the credentials. */
export class ConnectError extends Error {
  override readonly name = "ConnectError";
  readonly code = "CONNECT_FAILED";

  /** Name of the connection in the configuration. */
  readonly connection: string;

  constructor(settings: ConnectionSettings, cause: unknown) {
    const servers = settings.servers.map(withoutPassword).join(", ");
    super(`connection "${settings.name}" to ${servers}: ${explain(cause)}${hint(settings, cause)}`, { cause });
    this.connection = settings.name;
  }
}

/** The client's codes name its own parts ("tls", "'Authorization Violation'"): say what the operator can mend. */
const EXPLANATIONS: Readonly<Record<string, string>> = {
  CONNECTION_REFUSED: "no server answers there",
  TIMEOUT: "no answer in time",
  CONNECTION_TIMEOUT: "no answer in time",
  AUTHORIZATION_VIOLATION: "the server refused the credentials",
  AUTHENTICATION_EXPIRED: "the credentials have expired",
  SERVER_OPT_NA: "TLS is asked for, but the server offers none",
};

function explain(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  if (!(cause instanceof NatsError)) return cause.message;
  const detail = cause.chainedError?.message ?? cause.message;
  const explanation = EXPLANATIONS[cause.code];
  return explanation === undefined ? detail : `${explanation} (${detail})`;
}

/** TLS 1.3 refuses a missing client certificate after the handshake; the client library waits on, then times out. */
function hint({ tls }: ConnectionSettings, cause: unknown): string {
  const timedOut = cause instanceof NatsError && cause.code === "TIMEOUT";
  return timedOut && tls !== null && tls.cert === null ? "; does the server ask for a client certificate?" : "";
}

function withoutPassword(server: string): string {
  return server.replace(/\/\/[^@/]*@/, "//***@");
}
