import { Channels } from "../../shared/jetstream/channels.ts";
import { openNamed } from "../../shared/jetstream/connect.ts";
import type { OpenConfig } from "./config-file.ts";

/** A command's connections; `label` names the command in the server's lists. */
export function commandChannels({ resolved }: OpenConfig, label: string): Channels {
  return new Channels(
    (name) => openNamed(resolved.connections, name, label),
    () => performance.now(),
  );
}
