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

/** Everything below a new inbox. */
export function inboxWildcard(connection: NatsConnection): string {
  return `${newInbox(connection)}.*`;
}

/** What has to be allowed for a subscription: of any inbox it is all of them, since each has a name of its own. */
export function inboxGrant(connection: NatsConnection, subject: string): string {
  const prefix = prefixes.get(connection) ?? "_INBOX";
  return subject.startsWith(`${prefix}.`) ? `${prefix}.>` : subject;
}
