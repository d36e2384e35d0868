import { createInbox, type NatsConnection } from "nats";

const prefixes = new WeakMap<NatsConnection, string>();

/** Where a connection may listen for replies; the client tells nobody what it was opened with. */
export function keepInboxPrefix(connection: NatsConnection, prefix: string): void {
  prefixes.set(connection, prefix);
}

/** A new subject that nobody else listens to, in the place where the connection may. */
export function newInbox(connection: NatsConnection): string {
  return createInbox(prefixes.get(connection));
}
