import { jobConnections, streamName } from "../../shared/config/names.ts";
import type { Config } from "../../shared/config/schema.ts";
import type { Channel } from "../../shared/jetstream/channel.ts";
import { manage } from "../../shared/jetstream/manager.ts";
import { type Stranded, strandedIn } from "../../shared/jetstream/stranded.ts";
import type { SweepEvent } from "../../shared/jetstream/sweep.ts";
import { Sweeper } from "./sweeper.ts";

export interface SweepReport {
  /** By job, then by how they were found, or that they were put back. */
  readonly swept: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** What is left, by stream. */
  readonly streams: Readonly<Record<string, Stranded>>;
  readonly failures: readonly string[];
}

/** Under `swept`: messages that nobody had been handed, put back at the end of their queue. */
export const REQUEUED = "requeued";

/** Sweeps every job once, and says what was found and what is left. Rejects when a server cannot be asked. */
export async function sweepOnce(config: Config, channel: (name: string) => Promise<Channel>): Promise<SweepReport> {
  const swept: Record<string, Record<string, number>> = {};
  const failures: string[] = [];
  const onEvent = (event: SweepEvent): void => {
    if (event.type === "sweep_failed") {
      failures.push(`${event.what}: ${event.detail}`);
      return;
    }
    const counts = swept[event.job] ?? {};
    const what = event.type === "requeued" ? REQUEUED : event.by;
    swept[event.job] = { ...counts, [what]: (counts[what] ?? 0) + 1 };
  };
  const sweeper = await Sweeper.open({ config, channel, apply: false, onEvent });
  await sweeper.once();
  return { swept, streams: await strandedStreams(config, channel), failures };
}

async function strandedStreams(
  config: Config,
  channel: (name: string) => Promise<Channel>,
): Promise<SweepReport["streams"]> {
  const streams: Record<string, Stranded> = {};
  for (const connection of jobConnections(config)) {
    const jsm = await manage((await channel(connection)).connection);
    const entries = new Set(Object.values(config.jobs).map(({ stream }) => stream));
    for (const entry of entries) {
      if (config.streams[entry]?.connection !== connection) continue;
      const name = streamName(config, entry);
      const found = await strandedIn(jsm, name);
      if (found !== null) streams[name] = found;
    }
  }
  return streams;
}
