import type { Config, IngestConfig } from "./schema.ts";

/** Streams of our own that stand once: rejected messages, those a job gave up on, and who did what about them. */
export type KeptSection = "quarantine" | "deadLetters" | "audit";

export const KEPT_SECTIONS: readonly KeptSection[] = ["quarantine", "deadLetters", "audit"];

/** The name on the server of an entry of `streams`. */
export function streamName(config: Pick<Config, "streams">, entry: string): string {
  return config.streams[entry]?.name ?? entry;
}

/** The queue group of an ingest: a shadow must not take messages away from the bridges that store them, named or not. */
export function queueGroup({ queue, enforce }: Pick<IngestConfig, "queue" | "enforce">): string {
  const group = queue ?? "choria-bridge";
  return enforce ? group : `${group}-shadow`;
}

/** The streams that ingests feed, by their entries. A shadow feeds none. */
export function fedStreams({ ingest }: Pick<Config, "ingest">): readonly string[] {
  const feeding = Object.values(ingest).filter(({ enforce }) => enforce);
  return [...new Set(feeding.flatMap(({ to }) => to))];
}

/** Where a bridge keeps what it rejects; null when it keeps nothing: it has no connection, or all its ingests are shadows. */
export function quarantineConnection(config: Config): string | null {
  const keeps = Object.values(config.ingest).some(({ enforce }) => enforce);
  return keeps ? keptConnection(config, "quarantine") : null;
}

/** Every subject of a kept stream starts with its name: `CHORIA_QUARANTINE.>`. */
export function keptFilter(section: { readonly name: string }): string {
  return `${section.name}.>`;
}

/** The connection a kept stream lives on: its own, that of the first stream, or the first; null when there is none. */
export function keptConnection(config: Config, section: KeptSection): string | null {
  const first = Object.values(config.streams)[0]?.connection ?? Object.keys(config.connections)[0];
  return config[section].connection ?? first ?? null;
}

/** The connections that jobs pull from: each has a delayed stream, an advisory stream and the workers' buckets. */
export function jobConnections(
  config: Pick<Config, "jobs" | "streams">,
  jobs: readonly string[] = Object.keys(config.jobs),
): readonly string[] {
  const names = jobs.map((job) => config.streams[config.jobs[job]?.stream ?? ""]?.connection ?? "");
  return [...new Set(names)].filter((name) => name !== "");
}

/** The key-value bucket of a sink with `once`. */
export function onceBucketName({ state }: Pick<Config, "state">, sink: string): string {
  return `${state.prefix}_ONCE_${sink}`;
}

/** Key-value buckets that workers share, by what they hold. */
export function bucketNames({ state }: Pick<Config, "state">) {
  const { prefix } = state;
  return { runs: `${prefix}_RUNS`, state: `${prefix}_STATE`, workers: `${prefix}_WORKERS` };
}

/** The functions of serverless.yml that are there whatever the configuration says. */
export const OWN_FUNCTIONS = ["consumer", "sweeper", "replay"] as const;

/** The jobs that the function of that name runs; `consumer` runs those that no other function names. */
export function jobsOfFunction({ jobs, lambda }: Pick<Config, "jobs" | "lambda">, name: string): readonly string[] {
  if (name !== "consumer") return lambda.functions[name]?.jobs ?? [];
  const named = new Set(Object.values(lambda.functions).flatMap((group) => group.jobs));
  return Object.keys(jobs).filter((job) => !named.has(job));
}

/** The function that runs a job. */
export function functionOfJob({ lambda }: Pick<Config, "lambda">, job: string): string {
  const owner = Object.entries(lambda.functions).find(([, { jobs }]) => jobs.includes(job));
  return owner?.[0] ?? "consumer";
}
