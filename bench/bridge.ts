import { pino } from "pino";
import { Registry } from "prom-client";
import { stringify } from "yaml";
import { Bridge } from "../functions/bridge/bridge.ts";
import type { TrustSettings } from "../shared/choria/settings.ts";
import { createTrust } from "../shared/choria/trust.ts";
import { parseConfig } from "../shared/config/load.ts";
import { openConnection } from "../shared/jetstream/connect.ts";
import { BRIDGE_METRICS, SKEW_BUCKETS_SECONDS, VERIFY_BUCKETS_SECONDS } from "../shared/telemetry/metrics.ts";
import { exposeHistogram, exposeLatency, observerOf } from "../shared/telemetry/registry.ts";

export interface BridgeBench {
  readonly url: string;
  /** Where the stream is; the bridge has two connections even where that is the same server. */
  readonly storeUrl: string;
  readonly subject: string;
  readonly stream: string;
  readonly subjectPrefix: string;
  readonly trust: TrustSettings;
  /** The moment at which the load was signed: messages are judged as of then. */
  readonly signedAtMs: number;
}

/** The project's bridge as it runs in production, but for its clock. */
export async function runBridgeBench(bench: BridgeBench, onStored: () => void): Promise<Bridge> {
  const servers: Readonly<Record<string, string>> = { main: bench.url, store: bench.storeUrl };
  const config = parseConfig(
    stringify({
      connections: { main: { servers: [bench.url] }, store: { servers: [bench.storeUrl] } },
      trust: { v2: { issuers: { unused: "00".repeat(32) } } },
      ingest: { load: { connection: "main", subject: bench.subject, kind: "registration", to: [bench.stream] } },
      streams: { [bench.stream]: { connection: "store", subject: `${bench.subjectPrefix}.{sender}` } },
    }),
    "bench.yaml",
    {},
  );
  const registry = new Registry();
  const observe = observerOf(exposeLatency(registry, BRIDGE_METRICS.storeSeconds));
  return Bridge.start(config, {
    connect: (name, label) =>
      openConnection({ name, servers: [servers[name] ?? bench.url], tls: null, credentials: { type: "none" } }, label),
    trust: createTrust(bench.trust),
    wallClock: () => bench.signedAtMs,
    clock: { now: () => performance.now(), random: Math.random },
    log: pino({ level: "warn" }),
    instance: "bench",
    judgement: {
      now: () => performance.now(),
      judged: observerOf(exposeHistogram(registry, BRIDGE_METRICS.verifySeconds, VERIFY_BUCKETS_SECONDS)),
      skewed: observerOf(exposeHistogram(registry, BRIDGE_METRICS.senderClockSkew, SKEW_BUCKETS_SECONDS)),
    },
    onStored: (stream, seconds) => {
      observe(stream, seconds);
      onStored();
    },
  });
}
