import { type ConnectionOptions, connect, Events, type NatsConnection, NatsError, type Status } from "nats";
import type { Logger } from "../telemetry/logger.ts";
import { answerGreeting } from "./connect-authentication.ts";
import { ConnectError } from "./connect-error.ts";
import { NoNonceError } from "./connect-failure.ts";
import { presentIn, tlsOptions } from "./connect-tls.ts";
import { CurrentSecrets } from "./current-secrets.ts";
import { inboxGrant, keepInboxPrefix } from "./inbox.ts";
import { Renewal } from "./renewal.ts";
import type { ConnectionSettings } from "./spec.ts";

/** The client's connection, under a name that does not tie its holders to the client. */
export type Connection = NatsConnection;

/** What happens to a connection after it was opened. `downMs` is how long it was away. */
export interface ConnectionEvents {
  onDisconnect(): void;
  onReconnect(downMs: number): void;
  /** Errors the server reports: on a living connection, permission violations included, and why it takes none back. */
  onError(text: string, denial: Denial | null): void;
}

/** What a server did not allow a connection. */
export interface Denial {
  readonly operation: "publish" | "subscription";
  /** As the server has to allow it: for one of the connection's inboxes, all of them. */
  readonly subject: string;
  /** Of a subscription, where the server names it. */
  readonly queue?: string;
}

/**
 * Opens a connection and keeps it for ever: after a loss it redials, with jitter so that many processes do not come
 * back at one moment, and with what the files of its secrets hold by then. The first dial tries every server once and
 * rejects with a `ConnectError` when none takes it, because a wrong address or password should end a start, not hang it.
 * Standing subscriptions that the server refuses are asked for again, see `onAllowed`.
 * `label` names the process in the server's lists; `onStale` is told when files are of no use and the old ones stay.
 */
export async function openConnection(
  settings: ConnectionSettings,
  label: string,
  onStale: (problem: string) => void = () => {},
): Promise<Connection> {
  const greeting: Greeting = { hasNonce: null };
  const isSigned = settings.credentials.type === "signedToken";
  try {
    const secrets = new CurrentSecrets(settings, onStale);
    const connection = await connect(optionsOf(settings, label, secrets, greeting));
    if (settings.credentials.type === "signedToken") keepInboxPrefix(connection, settings.credentials.inboxPrefix);
    if (!isSigned || greeting.hasNonce === true) {
      keepSubscribed(connection);
      return connection;
    }
    await connection.close();
  } catch (error) {
    if (!isSigned || greeting.hasNonce !== false) throw new ConnectError(settings, error, Date.now());
  }
  // It refused the token, or it demands no authentication and let it pass unread: either way it is not the one that was meant.
  throw new ConnectError(settings, new NoNonceError(), Date.now());
}

/** What the server said of itself before it was told anything; null: it has not spoken. */
interface Greeting {
  hasNonce: boolean | null;
}

/**
 * Opens a connection by its name in the configuration; configurations are checked, so an unknown name is our mistake. With
 * `log` it is told there when files are of no use and the old ones stay.
 */
export function openNamed(
  connections: Readonly<Record<string, ConnectionSettings>>,
  name: string,
  label: string,
  log?: Pick<Logger, "warn">,
): Promise<NatsConnection> {
  const settings = Object.hasOwn(connections, name) ? connections[name] : undefined;
  if (settings === undefined) throw new RangeError(`the configuration has no connection "${name}"`);
  return openConnection(settings, label, (problem) => log?.warn({ connection: name }, problem));
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
      const denial = denialOf(status.permissionContext);
      events.onError(describe(status), denial === null ? null : asGranted(connection, denial));
    }
  }
}

function keepSubscribed(connection: Connection): void {
  const renewal = new Renewal(connection);
  const events = {
    onDisconnect: () => {},
    onReconnect: () => renewal.askNow(),
    onError: (_text: string, denial: Denial | null) => {
      if (denial?.operation === "subscription") renewal.askLater(denial);
    },
  };
  void watchConnection(connection, events, Date.now);
}

const RECONNECT_WAIT_MS = 500;
/** Many processes must not come back at one moment; handshakes cost a server more than plain connections. */
const RECONNECT_JITTER_MS = { plain: 500, tls: 1_000 };

function optionsOf(
  settings: ConnectionSettings,
  label: string,
  secrets: CurrentSecrets,
  greeting: Greeting,
): ConnectionOptions {
  const tls = tlsOptions(settings);
  const jitterMs = RECONNECT_JITTER_MS[tls === null ? "plain" : "tls"];
  return {
    servers: [...settings.servers],
    name: `choria-bridge ${label}`,
    maxReconnectAttempts: -1,
    // The client asks for the delay before every dial: the moment to read again what it will dial with.
    reconnectDelayHandler: () => {
      secrets.refresh();
      if (tls !== null) Object.assign(tls, presentIn(secrets.tls));
      return RECONNECT_WAIT_MS + Math.floor(Math.random() * jitterMs);
    },
    // Credentials that are refused for a while (a rotation, an account server away) must not end a running bridge.
    ignoreAuthErrorAbort: true,
    // A peer that vanished without a FIN is noticed within a minute instead of six.
    pingInterval: 20_000,
    timeout: 5_000,
    authenticator: (nonce) => {
      greeting.hasNonce = nonce !== undefined;
      return answerGreeting(secrets.credentials, nonce);
    },
    ...(tls === null ? {} : { tls }),
    ...inboxOptions(settings),
  };
}

function inboxOptions({ credentials }: ConnectionSettings): ConnectionOptions {
  return credentials.type === "signedToken" ? { inboxPrefix: credentials.inboxPrefix } : {};
}

/** What a server did not allow, when an operation failed for that; null when it failed for something else. */
export function denialIn(error: unknown): Denial | null {
  return error instanceof NatsError ? denialOf(error.permissionContext) : null;
}

/** The type of a status leaves the queue out. */
type PermissionContext = NonNullable<Status["permissionContext"]> & { readonly queue?: string | undefined };

function denialOf(context: PermissionContext | undefined): Denial | null {
  if (context === undefined) return null;
  const { operation, subject, queue } = context;
  if (operation !== "subscription") return { operation: "publish", subject };
  return { operation, subject, ...(queue === undefined ? {} : { queue }) };
}

function asGranted(connection: Connection, denial: Denial): Denial {
  if (denial.operation === "publish") return denial;
  return { ...denial, subject: inboxGrant(connection, denial.subject) };
}

/** The client's codes, in words where an operator meets them in a log for as long as a fault lasts. */
const ERROR_TEXTS: Readonly<Record<string, string>> = {
  AUTHORIZATION_VIOLATION: "the server refuses the credentials (AUTHORIZATION_VIOLATION)",
  AUTHENTICATION_EXPIRED: "the credentials have expired (AUTHENTICATION_EXPIRED)",
};

function describe({ data, permissionContext }: Status): string {
  if (permissionContext !== undefined)
    return `${data}: ${permissionContext.operation} on "${permissionContext.subject}"`;
  return ERROR_TEXTS[String(data)] ?? String(data);
}
