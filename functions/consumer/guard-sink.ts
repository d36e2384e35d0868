import { onceBucketSpec } from "../../shared/config/resolve.ts";
import type { Config } from "../../shared/config/schema.ts";
import type { Channel } from "../../shared/jetstream/channel.ts";
import { openOnceBucket } from "../../shared/jetstream/once-bucket.ts";
import { ServerClock } from "../../shared/jetstream/server-clock.ts";
import { onceGuard } from "../../shared/sinks/once.ts";
import type { Sink } from "../../shared/sinks/sink.ts";

interface Surroundings {
  readonly config: Config;
  readonly apply: boolean;
  /** Where the sink's target is, and its bucket. */
  readonly channel: Channel;
  /** Names this process among all workers. */
  readonly worker: string;
}

/** The sink behind the guard that its `once` asks for; as it is without one. */
export async function guardSink(sink: Sink, { config, apply, channel, worker }: Surroundings): Promise<Sink> {
  const spec = onceBucketSpec(config, sink.name);
  if (spec === null) return sink;
  const bucket = await openOnceBucket(channel.connection, spec, { apply });
  const now = () => performance.now();
  const clock = await ServerClock.start(bucket, worker, { now, wallNow: Date.now });
  const guarded = onceGuard(sink, bucket, { now, serverNow: () => clock.now() });
  return {
    name: guarded.name,
    write: (message, signal) => guarded.write(message, signal),
    async [Symbol.asyncDispose]() {
      clock.close();
      await guarded[Symbol.asyncDispose]();
    },
  };
}
