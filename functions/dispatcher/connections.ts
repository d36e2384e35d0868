import { jobQueueOf } from "../../shared/config/resolve.ts";
import type { Config } from "../../shared/config/schema.ts";
import { type Connection, type Denial, watchConnection } from "../../shared/jetstream/connect.ts";
import type { ConnectionHealth } from "../../shared/jetstream/connection-health.ts";
import { ConnectionReports } from "../../shared/jetstream/connection-reports.ts";
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
  readonly #context: Context;
  readonly #reports: ConnectionReports;
  readonly #open = new Map<string, Promise<Connection>>();
  readonly #onReconnect = new Map<string, (() => void)[]>();

  constructor(context: Context) {
    this.#context = context;
    this.#reports = new ConnectionReports(context.log, context.now);
  }

  get health(): ConnectionHealth {
    return this.#reports.health;
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
      onDisconnect: () => this.#reports.disconnected(name),
      onReconnect: (downMs: number) => {
        this.#reports.reconnected(name, downMs);
        for (const act of this.#onReconnect.get(name) ?? []) act();
      },
      onError: (text: string, denial: Denial | null) => {
        if (denial?.operation !== "subscription") this.#reports.failed(name, text, denial);
        else if (!this.#wakes(name, denial)) this.#reports.denied(name, denial);
      },
    };
    void watchConnection(connection, events, now);
    onAllowed(connection, (allowed) => {
      if (!this.#wakes(name, allowed)) this.#reports.allowed(name, allowed);
    });
  }

  /** Whether it is the subject of a job's messages, each of which wakes the dispatcher: refused it, the job says so and polls. */
  #wakes(name: string, { subject }: Denial): boolean {
    const { config } = this.#context;
    return Object.entries(config.jobs).some(
      ([job, { stream }]) => config.streams[stream]?.connection === name && jobQueueOf(config, job).filter === subject,
    );
  }
}
