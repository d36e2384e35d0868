import { keptConnection } from "../../shared/config/names.ts";
import { type DeadLetterStore, withDeadLetters } from "../replay/store.ts";
import { commandChannels } from "./channels.ts";
import type { OpenConfig } from "./config-file.ts";
import { UsageError } from "./exit.ts";

/** Lends the dead letters of a configuration to one command. */
export function withStore(opened: OpenConfig, use: (store: DeadLetterStore) => Promise<void>): Promise<void> {
  const { config } = opened;
  if (keptConnection(config, "deadLetters") === null) {
    throw new UsageError("the configuration has no connection for the dead letters");
  }
  return withDeadLetters({ config, channels: commandChannels(opened, "dead") }, use);
}
