import {
  type ConnectionOptions,
  connect,
  credsAuthenticator,
  Events,
  type NatsConnection,
  NatsError,
  type Status,
} from "nats";
import type { ConnectionCredentials, ConnectionSettings } from "./spec.ts";

/** The client's connection, under a name that does not tie its holders to the client. */
export type Connection = NatsConnection;

/** A connection could not be opened: nothing answered, TLS failed, or the server refused the credentials. */
export class ConnectError extends Error {
  override readonly name = "ConnectError";
  readonly code = "CONNECT_FAILED";

  /** Name of the connection in the configuration. */
  readonly connection: string;

  constructor(settings: ConnectionSettings, cause: unknown) {
    const servers = settings.servers.map(withoutPassword).join(", ");
    super(`connection "${settings.name}" to ${servers}: ${explain(cause)}`, { cause });
    this.connection = settings.name;
  }
}

/** What happens to a connection after it was opened. `downMs` is how long it was away. */
export interface ConnectionEvents {
  onDisconnect(): void;
  onReconnect(downMs: number): void;
  /** Errors the server reports on a living connection, permission violations with the subject included. */
  onError(text: string): void;
}

/**
 * Opens a connection and keeps it for ever: after a loss it redials, with jitter so that many processes do not come
 * back at one moment. The first dial tries every server once and rejects with a `ConnectError` when none takes it,
 * because a wrong address or password should end a start, not hang it. `label` names the process in the server's lists.
 */
export async function openConnection(settings: ConnectionSettings, label: string): Promise<Connection> {
  try {
    return await connect(optionsOf(settings, label));
  } catch (error) {
    throw new ConnectError(settings, error);
  }
}

/** Calls `events` until the connection is closed. `now` is a monotonic clock in milliseconds. */
export async function watchConnection(
  connection: Connection,
  events: ConnectionEvents,
  now: () => number,
): Promise<void> {
  let lostAt: number | null = null;
  for await (const status of connection.status()) {
    if (status.type === Events.Disconnect && lostAt === null) {
      lostAt = now();
      events.onDisconnect();
    } else if (status.type === Events.Reconnect && lostAt !== null) {
      events.onReconnect(now() - lostAt);
      lostAt = null;
    } else if (status.type === Events.Error) {
      events.onError(describe(status));
    }
  }
}

function optionsOf(settings: ConnectionSettings, label: string): ConnectionOptions {
  return {
    servers: [...settings.servers],
    name: `choria-bridge ${label}`,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 500,
    reconnectJitter: 500,
    reconnectJitterTLS: 1_000,
    // Credentials that are refused for a while (a rotation, an account server away) must not end a running bridge.
    ignoreAuthErrorAbort: true,
    // A peer that vanished without a FIN is noticed within a minute instead of six.
    pingInterval: 20_000,
    timeout: 10_000,
    ...tlsOptions(settings),
    ...authenticationOptions(settings.credentials),
  };
}

function tlsOptions({ tls, servers }: ConnectionSettings): ConnectionOptions {
  // The client ignores the scheme of a URL: unless `tls` is set it would talk in the clear to a server that lets it.
  const wanted = tls !== null || servers.some((server) => server.startsWith("tls://"));
  if (!wanted) return {};
  const given = Object.entries(tls ?? {}).filter(([, pem]) => pem !== null);
  return { tls: Object.fromEntries(given) };
}

function authenticationOptions(credentials: ConnectionCredentials): ConnectionOptions {
  switch (credentials.type) {
    case "none":
      return {};
    case "userPassword":
      return { user: credentials.user, pass: credentials.password };
    case "token":
      return { token: credentials.token };
    case "creds":
      return { authenticator: credsAuthenticator(new TextEncoder().encode(credentials.creds)) };
  }
}

const EXPLANATIONS: Readonly<Record<string, string>> = {
  CONNECTION_REFUSED: "no server answers there",
  TIMEOUT: "no answer in time",
  CONNECTION_TIMEOUT: "no answer in time",
  AUTHORIZATION_VIOLATION: "the server refused the credentials",
  AUTHENTICATION_EXPIRED: "the credentials have expired",
  SERVER_OPTION_NA: "TLS is asked for, but the server offers none",
};

function explain(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  const explanation = cause instanceof NatsError ? EXPLANATIONS[cause.code] : undefined;
  const origin = cause instanceof NatsError ? cause.chainedError?.message : undefined;
  const detail = origin ?? cause.message;
  return explanation === undefined ? detail : `${explanation} (${detail})`;
}

function describe({ data, permissionContext }: Status): string {
  if (permissionContext === undefined) return String(data);
  return `${data}: ${permissionContext.operation} on "${permissionContext.subject}"`;
}

function withoutPassword(server: string): string {
  return server.replace(/\/\/[^@/]*@/, "//***@");
}

/** The name by which code outside this folder calls a NATS connection. */
export type Connection = NatsConnection;
