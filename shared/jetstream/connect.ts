import { type ConnectionOptions, connect, credsAuthenticator, Events, type NatsConnection, type Status } from "nats";
import { ConnectError } from "./connect-error.ts";
import { tlsOptions } from "./connect-tls.ts";
import type { ConnectionCredentials, ConnectionSettings } from "./spec.ts";

/** The client's connection, under a name that does not tie its holders to the client. */
export type Connection = NatsConnection;

/** What happens to a connection after it was opened. `downMs` is how long it was away. */
export interface ConnectionEvents {
  onDisconnect(): void;
  onReconnect(downMs: number): void;
  /**
   * Errors the server reports on a living connection, permission violations with the subject included. `lasting` when a
   * subscription was refused: the client forgets it, and asks for it again on no reconnect.
   */
  onError(text: string, lasting: boolean): void;
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

/** Opens a connection by its name in the configuration; configurations are checked, so an unknown name is our mistake. */
export function openNamed(
  connections: Readonly<Record<string, ConnectionSettings>>,
  name: string,
  label: string,
): Promise<NatsConnection> {
  const settings = Object.hasOwn(connections, name) ? connections[name] : undefined;
  if (settings === undefined) throw new RangeError(`the configuration has no connection "${name}"`);
  return openConnection(settings, label);
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
      events.onError(describe(status), status.permissionContext?.operation === "subscription");
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
    timeout: 5_000,
    ...tlsOptions(settings),
    ...authenticationOptions(settings.credentials),
  };
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

function describe({ data, permissionContext }: Status): string {
  if (permissionContext === undefined) return String(data);
  return `${data}: ${permissionContext.operation} on "${permissionContext.subject}"`;
}
