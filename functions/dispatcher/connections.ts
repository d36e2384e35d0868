import { type Connection, watchConnection } from "../../shared/jetstream/connect.ts";
import { ConnectionHealth } from "../../shared/jetstream/connection-health.ts";
import type { Logger } from "../../shared/telemetry/logger.ts";

interface Context {
  readonly connect: (name: string) => Promise<Connection>;
  readonly log: Logger;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

/** The dispatcher's connections, one per name in the configuration. */
export class DispatcherConnections {
  readonly health: ConnectionHealth;
  readonly #context: Context;
  readonly #open = new Map<string, Connection>();
  readonly #onReconnect = new Map<string, (() => void)[]>();

  constructor(context: Context) {
    this.#context = context;
    this.health = new ConnectionHealth(context.now);
  }

  async get(name: string): Promise<Connection> {
    const known = this.#open.get(name);
    if (known !== undefined) return known;
    const connection = await this.#context.connect(name);
    this.#open.set(name, connection);
    this.#watch(name, connection);
    return connection;
  }

  onReconnect(name: string, act: () => void): void {
    this.#onReconnect.set(name, [...(this.#onReconnect.get(name) ?? []), act]);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open.values()].map((connection) => connection.close()));
  }

  #watch(name: string, connection: Connection): void {
    const { log, now } = this.#context;
    const events = {
      onDisconnect: () => {
        this.health.disconnected(name);
        log.warn({ connection: name }, "disconnected");
      },
      onReconnect: (downMs: number) => {
        this.health.reconnected(name);
        log.info({ connection: name, downMs }, "reconnected");
        for (const act of this.#onReconnect.get(name) ?? []) act();
      },
      onError: (text: string, lasting: boolean) => {
        if (lasting) return; // a refused subscription: its job says so and goes on polling
        this.health.failed(name, text, lasting);
        log.error({ connection: name }, text);
      },
    };
    void watchConnection(connection, events, now);
  }
}
