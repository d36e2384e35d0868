import { pino } from "pino";
import { Registry } from "prom-client";
import { stringify } from "yaml";
import { Bridge } from "../functions/bridge/bridge.ts";
import type { TrustSettings } from "../shared/choria/settings.ts";
import { createTrust } from "../shared/choria/trust.ts";
import { parseConfig } from "../shared/config/load.ts";
import { openConnection } from "../shared/jetstream/connect.ts";
import { BRIDGE_METRICS } from "../shared/telemetry/metrics.ts";
import { exposeLatency, observerOf } from "../shared/telemetry/registry.ts";
import type { Meter } from "./measure.ts";

export interface BridgeBench {
  readonly url: string;
  readonly subject: string;
  readonly stream: string;
  readonly subjectPrefix: string;
  readonly trust: TrustSettings;
  /** The moment at which the load was signed: messages are judged as of then. */
  readonly signedAtMs: number;
}

/** The project's bridge as it runs in production, but for its clock. */
export async function runBridgeBench(bench: BridgeBench, meter: Meter): Promise<Bridge> {
  const config = parseConfig(
    stringify({
      connections: { main: { servers: [bench.url] } },
      trust: { v2: { issuers: { unused: "00".repeat(32) } } },
      ingest: { load: { connection: "main", subject: bench.subject, kind: "registration", to: [bench.stream] } },
      streams: { [bench.stream]: { connection: "main", subject: `${bench.subjectPrefix}.{sender}` } },
    }),
    "bench.yaml",
    {},
  );
  const observe = observerOf(exposeLatency(new Registry(), BRIDGE_METRICS.storeSeconds));
  return Bridge.start(config, {
    connect: (name, label) =>
      openConnection({ name, servers: [bench.url], tls: null, credentials: { type: "none" } }, label),
    trust: createTrust(bench.trust),
    wallClock: () => bench.signedAtMs,
    clock: { now: () => performance.now(), random: Math.random },
    log: pino({ level: "warn" }),
    instance: "bench",
    onStored: (stream, seconds) => {
      observe(stream, seconds);
      meter.count();
    },
  });
}
