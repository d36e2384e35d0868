import { createHash } from "node:crypto";
import type { DenySettings, TrustSettings, V1TrustSettings, V2TrustSettings } from "../choria/settings.ts";
import type { BucketSpec } from "../jetstream/buckets.ts";
import type { JobQueue } from "../jetstream/job-queue.ts";
import type { ConnectionSettings, ConsumerSpec, StreamSpec } from "../jetstream/spec.ts";
import { compileTemplate } from "../subjects/template.ts";
import { readConnection } from "./connection.ts";
import { readDenyList } from "./deny-list.ts";
import { type ConfigFiles, FileReader } from "./files.ts";
import { bucketNames, keptFilter, onceBucketName, streamName } from "./names.ts";
import type { Config, TrustConfig } from "./schema.ts";

const NO_LIMIT = -1;

/** Everything a configuration takes from files. */
export interface ResolvedFiles {
  readonly trust: TrustSettings;
  readonly connections: Readonly<Record<string, ConnectionSettings>>;
}

/** Reads every file the configuration names. Throws `ConfigError` with each one that is missing or not what it should be. */
export function resolveFiles(config: Config, files: ConfigFiles): ResolvedFiles {
  const reader = new FileReader(files);
  const trust = readTrust(config.trust, reader);
  const names = Object.keys(config.connections);
  const connections = Object.fromEntries(
    names.map((name) => [name, readConnection(name, entry(config.connections, name), reader)]),
  );
  reader.finish();
  return { trust, connections };
}

/** What validation needs. Throws `ConfigError`, as `resolveFiles`. */
export function trustSettings(config: Pick<Config, "trust">, files: ConfigFiles): TrustSettings {
  const reader = new FileReader(files);
  const settings = readTrust(config.trust, reader);
  reader.finish();
  return settings;
}

/** How to reach the connection of that name. Throws `ConfigError`, as `resolveFiles`. */
export function connectionSettings(
  config: Pick<Config, "connections">,
  name: string,
  files: ConfigFiles,
): ConnectionSettings {
  const reader = new FileReader(files);
  const settings = readConnection(name, entry(config.connections, name), reader);
  reader.finish();
  return settings;
}

export function streamSpec(config: Pick<Config, "streams">, name: string): StreamSpec {
  const stream = entry(config.streams, name);
  return {
    name: streamName(config, name),
    subjects: [compileTemplate(stream.subject).filter],
    retention: stream.retention,
    storage: stream.storage,
    replicas: stream.replicas,
    maxBytes: stream.maxBytes,
    maxMessages: stream.maxMessages ?? NO_LIMIT,
    maxMessagesPerSubject: stream.maxMessagesPerSubject ?? NO_LIMIT,
    maxAgeMs: stream.maxAge ?? 0,
    discard: stream.discard,
    duplicateWindowMs: stream.duplicateWindow,
  };
}

/** Where rejected messages are kept, under `<name>.…`. */
export function quarantineSpec(config: Pick<Config, "quarantine">): StreamSpec {
  return keptSpec(config.quarantine);
}

/** Where messages go that a job gave up on, under `<name>.…`. */
export function deadLetterSpec(config: Pick<Config, "deadLetters">): StreamSpec {
  return keptSpec(config.deadLetters);
}

/** Who replayed, dropped, paused or resumed what, under `<name>.…`. */
export function auditSpec(config: Pick<Config, "audit">): StreamSpec {
  return keptSpec(config.audit);
}

/** Where messages wait for a long delay: a work queue, so that one is gone once it was put back. */
export function delayedSpec({ delayed }: Pick<Config, "delayed">): StreamSpec {
  return {
    name: delayed.name,
    subjects: [keptFilter(delayed)],
    retention: "workqueue",
    storage: delayed.storage,
    replicas: delayed.replicas,
    maxBytes: delayed.maxBytes,
    maxMessages: NO_LIMIT,
    maxMessagesPerSubject: NO_LIMIT,
    maxAgeMs: 0,
    discard: "new",
    duplicateWindowMs: KEPT_WINDOW_MS,
  };
}

/**
 * The consumer of a job's delayed messages: other configurations may share the stream. What it waits for is a delivery in
 * flight, so their number has no limit.
 */
export function delayedConsumerSpec({ delayed }: Pick<Config, "delayed">, job: string): ConsumerSpec {
  return {
    stream: delayed.name,
    durable: `release-${job}`,
    filterSubject: `${delayed.name}.${job}`,
    ackWaitMs: DELAYED_ACK_WAIT_MS,
    maxAckPending: NO_LIMIT,
    maxDeliver: NO_LIMIT,
  };
}

/** Advisories about messages whose deliveries are spent: of all streams, so that configurations can share them. */
export function advisoriesSpec({ advisories }: Pick<Config, "advisories">): StreamSpec {
  return { ...keptSpec(advisories), subjects: ["$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.>"] };
}

/**
 * The consumer of the advisories. All workers with the same queues share it, and each advisory is one sweeper's; workers of
 * other queues have one of their own, so that nobody puts aside what is somebody else's.
 */
export function sweeperConsumerSpec(config: Pick<Config, "advisories" | "jobs" | "streams">): ConsumerSpec {
  const queues = Object.entries(config.jobs).map(([job, { stream }]) => `${streamName(config, stream)}/${job}`);
  const digest = createHash("sha256").update(queues.sort().join(" ")).digest("hex");
  return {
    stream: config.advisories.name,
    durable: `sweeper-${digest.slice(0, 8)}`,
    filterSubject: null,
    ackWaitMs: SWEEPER_ACK_WAIT_MS,
    maxAckPending: NO_LIMIT,
    maxDeliver: NO_LIMIT,
  };
}

/** The durable of a job, named as the job. */
export function consumerSpec(config: Pick<Config, "jobs" | "streams">, jobName: string): ConsumerSpec {
  const job = entry(config.jobs, jobName);
  return {
    stream: streamName(config, job.stream),
    durable: jobName,
    filterSubject: job.filter ?? null,
    ackWaitMs: job.ackWait,
    maxAckPending: job.maxAckPending,
    maxDeliver: job.maxDeliver ?? NO_LIMIT,
  };
}

/** The durables that ingests take from, with their connections. Several bridges with one configuration share them. */
export function sourceConsumers({ ingest }: Pick<Config, "ingest">): readonly {
  readonly ingest: string;
  readonly connection: string;
  /** Of one bridge. */
  readonly inFlight: number;
  readonly spec: ConsumerSpec;
}[] {
  return Object.entries(ingest).flatMap(([name, { connection, subject, from, source }]) => {
    if (from !== "stream" || source === undefined) return [];
    const { stream, durable, ackWait: ackWaitMs, inFlight } = source;
    const maxAckPending = source.maxAckPending ?? BRIDGES_ON_A_SOURCE * inFlight;
    const spec = { stream, durable, filterSubject: subject, ackWaitMs, maxAckPending, maxDeliver: NO_LIMIT };
    return [{ ingest: name, connection, inFlight, spec }];
  });
}

/** Where a job's messages wait. */
export function jobQueueOf(config: Pick<Config, "jobs" | "streams">, jobName: string): JobQueue {
  const { stream, durable, filterSubject } = consumerSpec(config, jobName);
  const job = entry(config.jobs, jobName);
  const filter = filterSubject ?? compileTemplate(entry(config.streams, job.stream).subject).filter;
  return { stream, durable, ordered: job.order !== undefined, filter };
}

/** The buckets that workers share, on each connection with a job. */
export function bucketSpecs(config: Pick<Config, "state">) {
  const { storage, replicas, runsMaxAge } = config.state;
  const names = bucketNames(config);
  return {
    runs: { name: names.runs, storage, replicas, maxAgeMs: runsMaxAge },
    state: { name: names.state, storage, replicas, maxAgeMs: 0 },
    workers: { name: names.workers, storage, replicas, maxAgeMs: WORKER_REPORT_MAX_AGE_MS },
  } satisfies Record<string, BucketSpec>;
}

/** Where the ids that a sink has written are remembered; null for a sink without `once`. */
export function onceBucketSpec(config: Pick<Config, "sinks" | "state">, sink: string): BucketSpec | null {
  const { once } = entry(config.sinks, sink);
  if (once === undefined) return null;
  const { storage, replicas } = config.state;
  return { name: onceBucketName(config, sink), storage, replicas, maxAgeMs: once };
}

type KeptSettings = Pick<Config["deadLetters"], "name" | "storage" | "replicas" | "maxBytes" | "maxAge">;

function keptSpec(section: KeptSettings): StreamSpec {
  return {
    name: section.name,
    subjects: [keptFilter(section)],
    retention: "limits",
    storage: section.storage,
    replicas: section.replicas,
    maxBytes: section.maxBytes,
    maxMessages: NO_LIMIT,
    maxMessagesPerSubject: NO_LIMIT,
    maxAgeMs: section.maxAge,
    discard: "old",
    duplicateWindowMs: Math.min(KEPT_WINDOW_MS, section.maxAge),
  };
}

/** The server's own default: a copy sent again because its PubAck was lost comes within seconds. */
const KEPT_WINDOW_MS = 120_000;
/** A message is judged within milliseconds; after a crash of the server this is how late it may come back. */
const DELAYED_ACK_WAIT_MS = 10_000;
/** A worker that has said nothing for so long is not there any more. */
const WORKER_REPORT_MAX_AGE_MS = 60_000;
const SWEEPER_ACK_WAIT_MS = 30_000;
/** So many bridges fit on one durable: three may hang with all they can hold, and a fourth still works. */
const BRIDGES_ON_A_SOURCE = 4;

function readTrust(trust: TrustConfig, reader: FileReader): TrustSettings {
  return {
    v1: readV1(trust.v1, reader),
    v2: v2Settings(trust.v2),
    deny: readDeny(trust.deny, reader),
    collectives: trust.collectives,
    ttl: { minSeconds: trust.ttl.min / 1_000, maxSeconds: trust.ttl.max / 1_000 },
    limits: trust.limits,
    cacheEntries: trust.cacheEntries,
  };
}

function readV1(v1: TrustConfig["v1"], reader: FileReader): V1TrustSettings | null {
  if (v1 === undefined) return null;
  const { ca, crl, ...rest } = v1;
  const path = ["trust", "v1"];
  const caPem = reader.read({ path, key: "ca", name: ca });
  const crlPem = crl === undefined ? "" : reader.read({ path, key: "crl", name: crl });
  return { ...rest, caPem, crlPem };
}

/** What the configuration names itself, and what its file does. */
function readDeny({ file, ...named }: TrustConfig["deny"], reader: FileReader): DenySettings {
  if (file === undefined) return named;
  const listed = readDenyList(reader.read({ path: ["trust", "deny"], key: "file", name: file }));
  return {
    tokens: [...named.tokens, ...listed.tokens],
    publicKeys: [...named.publicKeys, ...listed.publicKeys],
    identities: [...named.identities, ...listed.identities],
  };
}

function v2Settings(v2: TrustConfig["v2"]): V2TrustSettings | null {
  if (v2 === undefined) return null;
  return { ...v2, issuers: v2.issuers ?? null, trustedSigners: v2.trustedSigners ?? null };
}

/** A name that `parseConfig` let through exists; another one is a mistake of the program. */
function entry<T>(section: Readonly<Record<string, T>>, name: string): T {
  const found = Object.hasOwn(section, name) ? section[name] : undefined;
  if (found === undefined) throw new RangeError(`the configuration has no "${name}"`);
  return found;
}
