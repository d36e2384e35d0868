import { keptConnection } from "../../shared/config/names.ts";
import { deadLetterSpec } from "../../shared/config/resolve.ts";
import { errCodeOf, STREAM_NOT_FOUND } from "../../shared/jetstream/api-error.ts";
import type { Channel } from "../../shared/jetstream/channel.ts";
import type { Connection } from "../../shared/jetstream/connect.ts";
import { Channels } from "./channels.ts";
import type { OpenConfig } from "./config-file.ts";
import { UsageError } from "./exit.ts";

/** The dead-letter stream of a configuration, and its connection. */
export interface DeadLetterStore {
  readonly opened: OpenConfig;
  readonly channels: Channels;
  readonly channel: Channel;
  readonly connection: Connection;
  readonly stream: string;
}

/** Opens the store for one command, and closes every connection that the command opened. */
export async function withDeadLetters(
  opened: OpenConfig,
  use: (store: DeadLetterStore) => Promise<void>,
): Promise<void> {
  const name = keptConnection(opened.config, "deadLetters");
  if (name === null) throw new UsageError("the configuration has no connection for the dead letters");
  const { name: stream } = deadLetterSpec(opened.config);
  const channels = new Channels(opened, "dead");
  try {
    const channel = await channels.get(name);
    await use({ opened, channels, channel, connection: channel.connection, stream });
  } catch (error) {
    if (errCodeOf(error) !== STREAM_NOT_FOUND) throw error;
    throw new Error(`there is no stream "${stream}" yet: a worker of this configuration makes it`, { cause: error });
  } finally {
    await channels.close();
  }
}
