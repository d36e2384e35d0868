import type { NatsConnection } from "nats";
import { Bucket, type BucketSpec } from "./buckets.ts";
import { manage } from "./manager.ts";
import type { EnsureOptions } from "./topology.ts";
import { TopologyError } from "./topology-error.ts";

const NS_PER_MS = 1_000_000;
/** The server's own default; a stream's duplicate window is never longer than its messages last. */
const DUPLICATE_WINDOW_MS = 120_000;

/**
 * The bucket of a sink's once-guard. Its age is what the guard promises, so an existing bucket of another age is changed
 * with `apply`, and otherwise refused with `TopologyError`.
 */
export async function openOnceBucket(
  connection: NatsConnection,
  spec: BucketSpec,
  { apply }: EnsureOptions,
): Promise<Bucket> {
  const bucket = await Bucket.open(connection, spec);
  const jsm = await manage(connection);
  const { config } = await jsm.streams.info(`KV_${spec.name}`);
  const actualMs = config.max_age / NS_PER_MS;
  if (actualMs === spec.maxAgeMs) return bucket;
  if (!apply) {
    const [configured, actual] = [`${spec.maxAgeMs / 1_000}s`, `${actualMs / 1_000}s`];
    throw new TopologyError(`bucket "${spec.name}"`, [{ setting: "max_age", configured, actual, isChangeable: true }]);
  }
  await jsm.streams.update(config.name, {
    ...config,
    max_age: spec.maxAgeMs * NS_PER_MS,
    duplicate_window: Math.min(spec.maxAgeMs, DUPLICATE_WINDOW_MS) * NS_PER_MS,
  });
  return bucket;
}
