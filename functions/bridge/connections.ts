import { type Connection, type Denial, watchConnection } from "../../shared/jetstream/connect.ts";
import type { ConnectionHealth } from "../../shared/jetstream/connection-health.ts";
import { ConnectionReports } from "../../shared/jetstream/connection-reports.ts";
import type { LaneClock } from "../../shared/jetstream/lane.ts";
import { onAllowed } from "../../shared/jetstream/renewal.ts";
import type { StandingSubscription } from "../../shared/jetstream/standing.ts";
import { type CoreMessage, subscribeCore } from "../../shared/jetstream/subscribe.ts";
import type { Logger } from "../../shared/telemetry/logger.ts";
import type { ConnectionCounters } from "./accounting/counters.ts";
import type { Denials } from "./denials.ts";

/** `source`: what comes from a stream waits there while the connection is lost. */
export type Role = "ingest" | "source" | "publish";

/** Whoever has to know that a connection was lost and came back. */
export interface ConnectionListener {
  readonly connection: Connection;
  disconnected(): void;
  reconnected(): void;
}

interface Context {
  readonly connect: (name: string, label: string) => Promise<Connection>;
  readonly denials: Denials;
  readonly counters: Map<string, ConnectionCounters>;
  readonly clock: LaneClock;
  readonly log: Logger;
}

/**
 * The bridge's connections, one per name and role. Receiving and publishing do not share one: the server cuts off a slow
 * receiver, and that must not take the publishes and their PubAcks with it.
 */
export class Connections {
  readonly #context: Context;
  readonly #reports: ConnectionReports;
  readonly #open = new Map<string, Connection>();
  readonly #listeners = new Map<Connection, ConnectionListener[]>();
  readonly #subscriptions: StandingSubscription[] = [];

  constructor(context: Context) {
    this.#context = context;
    this.#reports = new ConnectionReports(context.log, context.clock.now);
  }

  get health(): ConnectionHealth {
    return this.#reports.health;
  }

  async get(name: string, role: Role): Promise<Connection> {
    const key = keyOf(role, name);
    const known = this.#open.get(key);
    if (known !== undefined) return known;
    const connection = await this.#context.connect(name, role);
    this.#open.set(key, connection);
    this.#watch(role, name, connection);
    return connection;
  }

  /** Subscribes on the connection for receiving; what the server refuses is asked for again. */
  async subscribe(
    name: string,
    wanted: { readonly subject: string; readonly queue: string },
    onMessage: (message: CoreMessage) => void,
  ): Promise<void> {
    const connection = await this.get(name, "ingest");
    this.#subscriptions.push(await subscribeCore(connection, wanted, onMessage));
  }

  /** Stops receiving; resolves when everything the servers had sent until then was delivered. */
  async drain(): Promise<void> {
    await Promise.all(this.#subscriptions.map((subscription) => subscription.drain().catch(() => {})));
  }

  /** New credentials are shown at the next reconnect. Where the old ones may not do what is needed, that is now. */
  async credentialsChanged(name: string): Promise<void> {
    for (const role of ["ingest", "source", "publish"] as const) {
      const key = keyOf(role, name);
      if (!this.health.isDenied(key)) continue;
      this.#context.log.info(
        { connection: key },
        "reconnecting with new credentials: the old ones were refused a subject",
      );
      await this.#open.get(key)?.reconnect();
    }
  }

  /** Tells the listener of every disconnect and reconnect of its connection. */
  attach(listener: ConnectionListener): void {
    const { connection } = listener;
    this.#listeners.set(connection, [...this.#listenersOn(connection), listener]);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open.values()].map((connection) => connection.close()));
  }

  #listenersOn(connection: Connection): readonly ConnectionListener[] {
    return this.#listeners.get(connection) ?? [];
  }

  #watch(role: Role, name: string, connection: Connection): void {
    const key = keyOf(role, name);
    const { clock } = this.#context;
    const counters: ConnectionCounters = { disconnects: 0, disconnectedMs: 0, downSince: null };
    this.#context.counters.set(key, counters);
    void watchConnection(
      connection,
      {
        onDisconnect: () => {
          counters.disconnects += 1;
          counters.downSince ??= clock.now();
          const meaning = role === "ingest" ? "; what is published meanwhile is lost, its number unknown" : "";
          this.#reports.disconnected(key, meaning);
          for (const listener of this.#listenersOn(connection)) listener.disconnected();
        },
        onReconnect: (downMs) => {
          counters.disconnectedMs += downMs;
          counters.downSince = null;
          this.#reports.reconnected(key, downMs);
          for (const listener of this.#listenersOn(connection)) listener.reconnected();
        },
        onError: (text, denial) => {
          if (denial === null) this.#reports.failed(key, text, denial);
          else this.#denied(key, name, denial);
        },
      },
      clock.now,
    );
    onAllowed(connection, (allowed) => this.#reports.allowed(key, allowed));
  }

  /** It does not close the connection: without this the bridge would listen to silence, or store nothing. */
  #denied(key: string, name: string, denial: Denial): void {
    const { denials } = this.#context;
    const refused = denials.asConfigured(name, denial);
    this.#reports.denied(key, refused, denials.text(name, refused));
  }
}

function keyOf(role: Role, name: string): string {
  return `${role} ${name}`;
}
