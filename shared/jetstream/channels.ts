import { type Channel, closeChannel, makeChannel, REPLY_TIMEOUT_MS } from "./channel.ts";
import type { Connection } from "./connect.ts";

/** Connections that are opened when they are first asked for, one per name in the configuration, and closed together. */
export class Channels {
  readonly #connect: (name: string) => Promise<Connection>;
  readonly #now: () => number;
  readonly #channels = new Map<string, Promise<Channel>>();

  /** `now` is a monotonic clock in milliseconds. */
  constructor(connect: (name: string) => Promise<Connection>, now: () => number) {
    this.#connect = connect;
    this.#now = now;
  }

  get(name: string): Promise<Channel> {
    const known = this.#channels.get(name) ?? this.#open(name);
    this.#channels.set(name, known);
    return known;
  }

  async close(): Promise<void> {
    for (const opening of await Promise.allSettled(this.#channels.values())) {
      if (opening.status === "fulfilled") await closeChannel(opening.value);
    }
  }

  async #open(name: string): Promise<Channel> {
    return makeChannel(await this.#connect(name), REPLY_TIMEOUT_MS, this.#now);
  }
}
