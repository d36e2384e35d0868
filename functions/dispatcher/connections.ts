import { type Connection, type Denial, watchConnection } from "../../shared/jetstream/connect.ts";
import { ConnectionHealth } from "../../shared/jetstream/connection-health.ts";
import { ConnectionLog } from "../../shared/jetstream/connection-log.ts";
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
  readonly #log: ConnectionLog;
  readonly #open = new Map<string, Promise<Connection>>();
  readonly #onReconnect = new Map<string, (() => void)[]>();

  constructor(context: Context) {
    this.#context = context;
    this.health = new ConnectionHealth(context.now);
    this.#log = new ConnectionLog(context.log, context.now);
  }

  /** One that could not be opened is opened anew when it is asked for again. */
  get(name: string): Promise<Connection> {
    const known = this.#open.get(name);
    if (known !== undefined) return known;
    const opened = this.#connect(name);
    this.#open.set(name, opened);
    return opened;
  }

  onReconnect(name: string, act: () => void): void {
    this.#onReconnect.set(name, [...(this.#onReconnect.get(name) ?? []), act]);
  }

  async close(): Promise<void> {
    // One that could not be opened has told whoever asked for it.
    const opened = await Promise.allSettled(this.#open.values());
    await Promise.all(opened.map((each) => (each.status === "fulfilled" ? each.value.close() : undefined)));
  }

  async #connect(name: string): Promise<Connection> {
    try {
      const connection = await this.#context.connect(name);
      this.#watch(name, connection);
      return connection;
    } catch (error) {
      this.#open.delete(name);
      throw error;
    }
  }

  #watch(name: string, connection: Connection): void {
    const { now } = this.#context;
    const events = {
      onDisconnect: () => {
        this.health.disconnected(name);
        this.#log.disconnected(name);
      },
      onReconnect: (downMs: number) => {
        this.health.reconnected(name);
        this.#log.reconnected(name, downMs);
        for (const act of this.#onReconnect.get(name) ?? []) act();
      },
      onError: (text: string, denial: Denial | null) => {
        if (denial?.operation === "subscription") return; // its job says so and goes on polling
        this.health.failed(name, text);
        this.#log.failed(name, text, denial);
      },
    };
    void watchConnection(connection, events, now);
  }
}
