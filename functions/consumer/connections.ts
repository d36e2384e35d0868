import { type Channel, closeChannel, makeChannel, REPLY_TIMEOUT_MS } from "../../shared/jetstream/channel.ts";
import { type Connection, type Denial, watchConnection } from "../../shared/jetstream/connect.ts";
import type { ConnectionHealth } from "../../shared/jetstream/connection-health.ts";
import { ConnectionReports } from "../../shared/jetstream/connection-reports.ts";
import { onAllowed } from "../../shared/jetstream/renewal.ts";
import type { Logger } from "../../shared/telemetry/logger.ts";

/** Whoever has to know that a connection was lost and came back. */
export interface ConnectionListener {
  disconnected(): void;
  reconnected(): void;
}

interface Context {
  readonly connect: (name: string) => Promise<Connection>;
  readonly log: Logger;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

/**
 * A worker's connections, one per name, each with its reply inbox. Pulling, acks and publishing share one: how much
 * arrives is bounded by what was pulled, so the server never cuts it off as slow.
 */
export class WorkerConnections {
  readonly #context: Context;
  readonly #reports: ConnectionReports;
  readonly #open = new Map<string, Promise<Channel>>();
  readonly #listeners = new Map<Connection, Set<ConnectionListener>>();

  constructor(context: Context) {
    this.#context = context;
    this.#reports = new ConnectionReports(context.log, context.now);
  }

  get health(): ConnectionHealth {
    return this.#reports.health;
  }

  get(name: string): Promise<Channel> {
    const known = this.#open.get(name);
    if (known !== undefined) return known;
    const opening = this.#connect(name);
    this.#open.set(name, opening);
    return opening;
  }

  /** Returns the function that ends it. */
  listen(connection: Connection, listener: ConnectionListener): () => void {
    const listeners = this.#listeners.get(connection) ?? new Set();
    this.#listeners.set(connection, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  /** True when every server answers within `timeoutMs`: a frozen process may come back with connections that are gone. */
  async answer(timeoutMs: number): Promise<boolean> {
    const channels = await Promise.all(this.#open.values());
    const answers = await Promise.all(channels.map(({ connection }) => isAnswering(connection, timeoutMs)));
    return answers.every(Boolean);
  }

  async close(): Promise<void> {
    const channels = await Promise.allSettled(this.#open.values());
    this.#open.clear();
    await Promise.all(channels.map((channel) => (channel.status === "fulfilled" ? closeChannel(channel.value) : null)));
  }

  async #connect(name: string): Promise<Channel> {
    const connection = await this.#context.connect(name);
    const channel = makeChannel(connection, REPLY_TIMEOUT_MS, this.#context.now);
    void this.#watch(name, channel);
    return channel;
  }

  async #watch(name: string, { connection, replies }: Channel): Promise<void> {
    const { now } = this.#context;
    const tell = (what: keyof ConnectionListener): void => {
      for (const listener of this.#listeners.get(connection) ?? []) listener[what]();
    };
    const events = {
      onDisconnect: () => {
        this.#reports.disconnected(name);
        tell("disconnected");
      },
      onReconnect: (downMs: number) => {
        this.#reports.reconnected(name, downMs);
        replies.abandon(); // what was asked of the old connection is never answered: acks are sent again now, not in 5 s
        tell("reconnected");
      },
      onError: (text: string, denial: Denial | null) => {
        if (denial?.operation === "subscription") this.#reports.denied(name, denial);
        else this.#reports.failed(name, text, denial);
      },
    };
    onAllowed(connection, (allowed) => this.#reports.allowed(name, allowed));
    await watchConnection(connection, events, now);
  }
}

async function isAnswering(connection: Connection, timeoutMs: number): Promise<boolean> {
  if (connection.isClosed()) return false;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), timeoutMs);
  });
  const flushed = connection.flush().then(
    () => true,
    () => false,
  );
  const answered = await Promise.race([flushed, late]);
  clearTimeout(timer);
  return answered;
}
