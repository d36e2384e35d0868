import { jobQueueOf } from "../../shared/config/resolve.ts";
import type { Config } from "../../shared/config/schema.ts";
import { type Connection, type Denial, watchConnection } from "../../shared/jetstream/connect.ts";
import { ConnectionHealth } from "../../shared/jetstream/connection-health.ts";
import { ConnectionLog } from "../../shared/jetstream/connection-log.ts";
import { onAllowed } from "../../shared/jetstream/renewal.ts";
import type { Logger } from "../../shared/telemetry/logger.ts";

interface Context {
  readonly config: Pick<Config, "jobs" | "streams">;
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
        if (denial?.operation === "subscription") return this.#denied(name, denial);
        this.health.failed(name, text, denial);
        this.#log.failed(name, text, denial);
      },
    };
    void watchConnection(connection, events, now);
    onAllowed(connection, (allowed) => {
      if (this.#wakes(name, allowed)) return;
      this.health.allowed(name, allowed);
      this.#log.allowed(name, allowed);
    });
  }

  #denied(name: string, denial: Denial): void {
    if (this.#wakes(name, denial)) return; // its job says so and goes on polling
    const text = `may not subscribe to "${denial.subject}"; allow it at the server`;
    if (this.health.denied(name, denial, text)) this.#log.denied(name, text);
  }

  /** Whether it is the subject of a job's messages, each of which wakes the dispatcher. */
  #wakes(name: string, { subject }: Denial): boolean {
    const { config } = this.#context;
    return Object.entries(config.jobs).some(
      ([job, { stream }]) => config.streams[stream]?.connection === name && jobQueueOf(config, job).filter === subject,
    );
  }
}
