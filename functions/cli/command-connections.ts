import type { Channels } from "../../shared/jetstream/channels.ts";
import type { Connection } from "../../shared/jetstream/connect.ts";
import { manage } from "../../shared/jetstream/manager.ts";
import { commandChannels } from "./channels.ts";
import type { OpenConfig } from "./config-file.ts";

/** JetStream's management calls over a connection. */
export type Management = Awaited<ReturnType<typeof manage>>;

interface Managed {
  readonly connection: Connection;
  readonly jsm: Management;
}

/** The connections of one command and JetStream's management over them. */
export class CommandConnections {
  readonly channels: Channels;
  readonly #managed = new Map<string, Promise<Managed>>();

  /** `label` names the command in the server's lists. */
  constructor(opened: OpenConfig, label: string) {
    this.channels = commandChannels(opened, label);
  }

  async open(name: string): Promise<Connection> {
    return (await this.channels.get(name)).connection;
  }

  /** With JetStream; rejects when the connection has none. */
  get(name: string): Promise<Managed> {
    const managed = this.#managed.get(name) ?? this.#manage(name);
    this.#managed.set(name, managed);
    return managed;
  }

  close(): Promise<void> {
    return this.channels.close();
  }

  async #manage(name: string): Promise<Managed> {
    const connection = await this.open(name);
    try {
      return { connection, jsm: await manage(connection) };
    } catch (error) {
      throw aboutConnection(name, error);
    }
  }
}

/** Runs a command's work with its connections, and closes them whatever comes. */
export async function withConnections<T>(
  opened: OpenConfig,
  label: string,
  use: (connections: CommandConnections) => Promise<T>,
): Promise<T> {
  const connections = new CommandConnections(opened, label);
  try {
    return await use(connections);
  } finally {
    await connections.close();
  }
}

/** The client's errors ("TIMEOUT", "503") do not say whose they are. */
export function aboutConnection(name: string, error: unknown): Error {
  const text = error instanceof Error ? error.message : String(error);
  return new Error(`connection "${name}": ${text}`, { cause: error });
}
