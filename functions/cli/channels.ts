import { type Channel, makeChannel } from "../../shared/jetstream/channel.ts";
import { openNamed } from "../../shared/jetstream/connect.ts";
import type { OpenConfig } from "./config-file.ts";

const REPLY_TIMEOUT_MS = 5_000;

/** A command's connections, one per name in the configuration, each opened when it is first asked for. */
export class Channels {
  readonly #opened: OpenConfig;
  readonly #label: string;
  readonly #channels = new Map<string, Promise<Channel>>();

  /** `label` names the command in the server's lists. */
  constructor(opened: OpenConfig, label: string) {
    this.#opened = opened;
    this.#label = label;
  }

  get(name: string): Promise<Channel> {
    const known = this.#channels.get(name) ?? this.#open(name);
    this.#channels.set(name, known);
    return known;
  }

  async close(): Promise<void> {
    for (const opening of await Promise.allSettled(this.#channels.values())) {
      if (opening.status === "rejected") continue;
      const { connection, replies } = opening.value;
      if (!connection.isClosed()) replies.close();
      await connection.close();
    }
  }

  async #open(name: string): Promise<Channel> {
    const connection = await openNamed(this.#opened.resolved.connections, name, this.#label);
    return makeChannel(connection, REPLY_TIMEOUT_MS, () => performance.now());
  }
}
