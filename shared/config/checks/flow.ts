import type { Config, IngestConfig } from "../schema.ts";

/** The streams that a message of the stream reaches through jobs with a sink, however many steps away. */
export function streamsDownstream(config: Config, stream: string): ReadonlySet<string> {
  const reached = new Set<string>();
  const waiting = [stream];
  for (let current = waiting.pop(); current !== undefined; current = waiting.pop()) {
    for (const target of sinkTargets(config, current)) {
      if (reached.has(target)) continue;
      reached.add(target);
      waiting.push(target);
    }
  }
  return reached;
}

/** The ingests whose messages end up in the stream, directly or through jobs with a sink. */
export function feedingIngests(config: Config, stream: string): readonly (readonly [string, IngestConfig])[] {
  return Object.entries(config.ingest).filter(([, ingest]) =>
    ingest.to.some((first) => first === stream || streamsDownstream(config, first).has(stream)),
  );
}

function sinkTargets(config: Config, stream: string): string[] {
  return Object.values(config.jobs).flatMap((job) => {
    const sink = job.stream === stream && job.sink !== undefined ? config.sinks[job.sink] : undefined;
    return sink === undefined ? [] : [sink.to];
  });
}
