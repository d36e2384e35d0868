import type { NatsConnection } from "nats";
import type { Denial } from "./connect.ts";
import { inboxGrant, inboxWildcard } from "./inbox.ts";
import { standingOn } from "./standing.ts";
import { maySubscribe } from "./subscribe.ts";

const FIRST_DELAY_MS = 1_000;
/** How late a permission may be noticed; each try in vain is a line in the server's log. */
const MOST_DELAY_MS = 30_000;

const renewals = new WeakMap<NatsConnection, Renewal>();

/** Calls back whenever the server lets the connection subscribe to what it had refused it. */
export function onAllowed(connection: NatsConnection, act: (denial: Denial) => void): void {
  renewals.get(connection)?.listeners.push(act);
}

/**
 * Asks again for the subscriptions that the server refuses a connection: at once when it is back, and now and then
 * meanwhile, because a server that takes other permissions into force tells nobody.
 */
export class Renewal {
  readonly listeners: ((denial: Denial) => void)[] = [];
  readonly #connection: NatsConnection;
  readonly #refused = new Set<string>();
  #tries = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(connection: NatsConnection) {
    this.#connection = connection;
    renewals.set(connection, this);
  }

  /** For what the server has just refused. */
  askLater({ subject, queue }: Denial): void {
    if (queue === undefined) this.#forgetUnnamed(subject);
    if (this.#refused.has(subject)) return; // such as by an answer to what was asked here
    this.#refused.add(subject);
    // A refusal of a moment must not be felt for as long as the turn of an old one is away.
    this.#tries = 0;
    this.#schedule();
  }

  /** For when the connection is back. */
  askNow(): void {
    this.#tries = 0;
    void this.#askAll();
  }

  /** 2.9 takes a queue subscription back without naming the queue, and the client then does not know which it is. */
  #forgetUnnamed(subject: string): void {
    const same = standingOn(this.#connection).filter((each) => each.subject === subject);
    if (same.some((each) => each.queue === undefined)) return; // it is that one, which the client has found
    for (const each of same) each.forget();
  }

  async #askAll(): Promise<void> {
    for (const subject of [...this.#refused]) {
      const isAllowed = await this.#ask(subject).catch(() => false); // lost again: the next reconnect asks anew
      if (isAllowed && this.#refused.delete(subject)) this.#tell(subject);
    }
    this.#schedule();
  }

  async #ask(subject: string): Promise<boolean> {
    const denied = standingOn(this.#connection).filter(
      (each) => each.isDenied && inboxGrant(this.#connection, each.subject) === subject,
    );
    if (denied.length === 0) return maySubscribe(this.#connection, this.#probeOf(subject));
    return (await Promise.all(denied.map((each) => each.renew()))).every(Boolean);
  }

  /** For what subscribes anew by itself, such as the client's own requests: all there is to learn is whether it would succeed. */
  #probeOf(subject: string): string {
    const inbox = inboxWildcard(this.#connection);
    return subject === inboxGrant(this.#connection, inbox) ? inbox : subject;
  }

  #tell(subject: string): void {
    for (const act of this.listeners) act({ operation: "subscription", subject });
  }

  #schedule(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#refused.size === 0) this.#tries = 0;
    if (this.#refused.size === 0 || this.#connection.isClosed()) return;
    const delayMs = Math.min(MOST_DELAY_MS, FIRST_DELAY_MS * 2 ** this.#tries);
    this.#timer = setTimeout(() => {
      this.#tries += 1;
      void this.#askAll();
    }, delayMs);
    this.#timer.unref();
  }
}
