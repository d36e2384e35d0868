import { type Connection, watchConnection } from "../../shared/jetstream/connect.ts";
import { ConnectionHealth } from "../../shared/jetstream/connection-health.ts";
import type { Lane, LaneClock } from "../../shared/jetstream/lane.ts";
import type { Logger } from "../../shared/telemetry/logger.ts";
import type { ConnectionCounters } from "./accounting/counters.ts";

export type Role = "ingest" | "publish";

interface Context {
  readonly connect: (name: string, label: string) => Promise<Connection>;
  readonly counters: Map<string, ConnectionCounters>;
  readonly clock: LaneClock;
  readonly log: Logger;
}

/**
 * The bridge's connections, one per name and role. Receiving and publishing do not share one: the server cuts off a slow
 * receiver, and that must not take the publishes and their PubAcks with it.
 */
export class Connections {
  readonly health: ConnectionHealth;
  readonly #context: Context;
  readonly #open = new Map<string, Connection>();
  readonly #lanes = new Map<Connection, Lane[]>();

  constructor(context: Context) {
    this.#context = context;
    this.health = new ConnectionHealth(context.clock.now);
  }

  async get(name: string, role: Role): Promise<Connection> {
    const key = `${role} ${name}`;
    const known = this.#open.get(key);
    if (known !== undefined) return known;
    const connection = await this.#context.connect(name, role);
    this.#open.set(key, connection);
    this.#watch(key, connection);
    return connection;
  }

  /** Tells the lane of every disconnect and reconnect of its connection. */
  attach(lane: Lane): void {
    this.#lanes.set(lane.connection, [...this.#lanesOn(lane.connection), lane]);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open.values()].map((connection) => connection.close()));
  }

  #lanesOn(connection: Connection): readonly Lane[] {
    return this.#lanes.get(connection) ?? [];
  }

  #watch(key: string, connection: Connection): void {
    const { log, clock } = this.#context;
    const counters: ConnectionCounters = { disconnects: 0, disconnectedMs: 0 };
    this.#context.counters.set(key, counters);
    void watchConnection(
      connection,
      {
        onDisconnect: () => {
          counters.disconnects += 1;
          this.health.disconnected(key);
          for (const lane of this.#lanesOn(connection)) lane.disconnected();
          const meaning = key.startsWith("ingest") ? "; what is published meanwhile is lost, its number unknown" : "";
          log.warn({ connection: key }, `disconnected${meaning}`);
        },
        onReconnect: (downMs) => {
          counters.disconnectedMs += downMs;
          this.health.reconnected(key);
          for (const lane of this.#lanesOn(connection)) lane.reconnected();
          log.info({ connection: key, downMs }, "reconnected");
        },
        onError: (text, lasting) => {
          // A denied subscription does not close the connection: without this the bridge would listen to silence.
          this.health.failed(key, text, lasting);
          log.error({ connection: key }, text);
        },
      },
      clock.now,
    );
  }
}
