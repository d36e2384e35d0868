import { keptConnection } from "../../shared/config/names.ts";
import { deadLetterSpec } from "../../shared/config/resolve.ts";
import type { Config } from "../../shared/config/schema.ts";
import { errCodeOf, STREAM_NOT_FOUND } from "../../shared/jetstream/api-error.ts";
import type { Channel } from "../../shared/jetstream/channel.ts";
import type { Channels } from "../../shared/jetstream/channels.ts";
import type { Connection } from "../../shared/jetstream/connect.ts";

/** What dead letters are reached by. */
export interface Reach {
  readonly config: Config;
  readonly channels: Channels;
}

/** The dead-letter stream of a configuration, and its connection. */
export interface DeadLetterStore extends Reach {
  readonly channel: Channel;
  readonly connection: Connection;
  readonly stream: string;
}

/** Opens the store, lends it, and closes every connection that was opened meanwhile. */
export async function withDeadLetters<T>(reach: Reach, use: (store: DeadLetterStore) => Promise<T>): Promise<T> {
  const { config, channels } = reach;
  const name = keptConnection(config, "deadLetters");
  if (name === null) throw new Error("the configuration has no connection for the dead letters");
  const { name: stream } = deadLetterSpec(config);
  try {
    const channel = await channels.get(name);
    return await use({ config, channels, channel, connection: channel.connection, stream });
  } catch (error) {
    if (errCodeOf(error) !== STREAM_NOT_FOUND) throw error;
    throw new Error(`there is no stream "${stream}" yet: a worker of this configuration makes it`, { cause: error });
  } finally {
    await channels.close();
  }
}
