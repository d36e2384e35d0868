import { randomBytes } from "node:crypto";
import { type Histogram, Registry } from "prom-client";
import { createTrust } from "../../shared/choria/trust.ts";
import { keptConnection } from "../../shared/config/names.ts";
import { quarantineSpec, type ResolvedFiles, streamSpec } from "../../shared/config/resolve.ts";
import type { Config } from "../../shared/config/schema.ts";
import { type Connection, openNamed } from "../../shared/jetstream/connect.ts";
import { manage } from "../../shared/jetstream/manager.ts";
import type { StreamSpec } from "../../shared/jetstream/spec.ts";
import { ensureStream } from "../../shared/jetstream/topology.ts";
import { startTelemetry, type TelemetryServer } from "../../shared/telemetry/http.ts";
import type { Logger } from "../../shared/telemetry/logger.ts";
import { BRIDGE_METRICS } from "../../shared/telemetry/metrics.ts";
import { exposeLatency, observerOf } from "../../shared/telemetry/registry.ts";
import { exposeBridge } from "./accounting/metrics.ts";
import { Bridge, type StopReport } from "./bridge.ts";

export interface BridgeService {
  readonly bridge: Bridge;
  /** Seconds from arrival to PubAck, by stream. */
  readonly latency: Histogram;
  readonly telemetryUrl: string;
  /** Takes trust anew from files that were read again. */
  reload(resolved: ResolvedFiles): void;
  stop(deadlineMs: number): Promise<StopReport>;
}

export interface BridgeOptions {
  readonly config: Config;
  readonly resolved: ResolvedFiles;
  /** Change streams whose settings differ, as far as JetStream allows. */
  readonly apply: boolean;
  readonly log: Logger;
}

/** Runs a bridge as a service: its streams made or checked, its metrics and health served. */
export async function runBridge({ config, resolved, apply, log }: BridgeOptions): Promise<BridgeService> {
  const connect = (name: string, label: string): Promise<Connection> => openNamed(resolved.connections, name, label);
  for (const { connection, spec } of streamsOf(config)) await ensure(await connect(connection, "setup"), spec, apply);

  const registry = new Registry();
  const latency = exposeLatency(registry, BRIDGE_METRICS.storeSeconds);
  const bridge = await Bridge.start(config, {
    connect,
    trust: createTrust(resolved.trust),
    wallClock: Date.now,
    clock: { now: () => performance.now(), random: Math.random },
    log,
    instance: randomBytes(8).toString("hex"),
    onStored: observerOf(latency),
  });
  exposeBridge(registry, bridge);
  const telemetry = await serve(config, registry, bridge);
  log.info({ telemetry: telemetry.url, ingest: Object.keys(config.ingest) }, "the bridge is receiving");
  return {
    bridge,
    latency,
    telemetryUrl: telemetry.url,
    reload: ({ trust }) => bridge.reloadTrust(createTrust(trust)),
    stop: (deadlineMs) => stop(bridge, telemetry, deadlineMs),
  };
}

/** A port that is taken must not leave a bridge running that nobody can stop. */
async function serve(config: Config, registry: Registry, bridge: Bridge): Promise<TelemetryServer> {
  try {
    return await startTelemetry(config.bridge.http, registry, () => bridge.readiness());
  } catch (error) {
    await bridge.stop(config.bridge.shutdownTimeout);
    throw error;
  }
}

/** The streams a bridge writes to: those its ingests name, and the quarantine. */
function streamsOf(config: Config): { connection: string; spec: StreamSpec }[] {
  const names = new Set(Object.values(config.ingest).flatMap(({ to }) => to));
  const fed = [...names].flatMap((name) => {
    const stream = config.streams[name];
    return stream === undefined ? [] : [{ connection: stream.connection, spec: streamSpec(config, name) }];
  });
  const quarantine = keptConnection(config, "quarantine");
  return quarantine === null ? fed : [...fed, { connection: quarantine, spec: quarantineSpec(config) }];
}

async function ensure(connection: Connection, spec: StreamSpec, apply: boolean): Promise<void> {
  try {
    await ensureStream(await manage(connection), spec, { apply });
  } finally {
    await connection.close();
  }
}

async function stop(bridge: Bridge, telemetry: TelemetryServer, deadlineMs: number): Promise<StopReport> {
  const report = await bridge.stop(deadlineMs);
  await telemetry.close();
  return report;
}
