import { NatsError } from "nats";
import { type ConnectFailure, diagnose } from "./connect-failure.ts";
import type { ConnectionSettings } from "./spec.ts";

/** A connection could not be opened: nothing answered, TLS failed, or the server refused the credentials. */
export class ConnectError extends Error {
  override readonly name = "ConnectError";
  readonly code = "CONNECT_FAILED";

  /** Name of the connection in the configuration. */
  readonly connection: string;
  readonly failure: ConnectFailure;
  /** What to do about it; the message ends with it. */
  readonly fix: string;
  /** The message without the connection's name and the fix. */
  readonly detail: string;

  /** `nowMs`, since 1970, tells credentials that have expired from those that are refused. */
  constructor(settings: ConnectionSettings, cause: unknown, nowMs: number) {
    const servers = settings.servers.map(withoutPassword).join(", ");
    const { failure, fix } = diagnose(settings, cause, nowMs);
    const detail = `to ${servers}: ${explain(cause, failure)}`;
    super(`connection "${settings.name}" ${detail}; ${fix}`, { cause });
    this.connection = settings.name;
    this.failure = failure;
    this.fix = fix;
    this.detail = detail;
  }
}

/** The client's texts name its own parts ("tls", "'Authorization Violation'"): say what happened. */
const EXPLANATIONS: Partial<Readonly<Record<ConnectFailure, string>>> = {
  unreachable: "no server answers there",
  no_greeting: "the server hung up without a word",
  timeout: "no answer in time",
  credentials_refused: "the server refused the credentials",
  credentials_expired: "the credentials have expired",
  credentials_damaged: "the credentials are damaged",
  tls_not_offered: "TLS is asked for, but the server offers none",
  tls_not_first: "the server does not begin with the TLS handshake",
  server_untrusted: "the server's certificate is from no known CA",
  server_expired: "the server's certificate has expired",
  server_name: "the server's certificate is for another name",
  client_certificate_refused: "the server refused the client certificate",
};

function explain(cause: unknown, failure: ConnectFailure): string {
  if (!(cause instanceof Error)) return String(cause);
  const detail = (cause instanceof NatsError && cause.chainedError?.message) || cause.message;
  const explanation = EXPLANATIONS[failure];
  if (failure === "no_greeting" && explanation !== undefined) return explanation; // the client's own text misleads
  return explanation === undefined ? detail : `${explanation} (${detail.trim()})`;
}

function withoutPassword(server: string): string {
  return server.replace(/\/\/[^@/]*@/, "//***@");
}
