import { randomBytes } from "node:crypto";
import { type Histogram, Registry } from "prom-client";
import type { TrustSettings } from "../../shared/choria/settings.ts";
import { fedStreams, quarantineConnection } from "../../shared/config/names.ts";
import { quarantineSpec, type ResolvedFiles, sourceConsumers, streamSpec } from "../../shared/config/resolve.ts";
import type { Config } from "../../shared/config/schema.ts";
import { type Connection, denialIn, openNamed } from "../../shared/jetstream/connect.ts";
import { type Manager, manage } from "../../shared/jetstream/manager.ts";
import type { StreamSpec } from "../../shared/jetstream/spec.ts";
import { ensureConsumer, ensureStream } from "../../shared/jetstream/topology.ts";
import { startTelemetry, type TelemetryServer } from "../../shared/telemetry/http.ts";
import type { Logger } from "../../shared/telemetry/logger.ts";
import { BRIDGE_METRICS, SKEW_BUCKETS_SECONDS, VERIFY_BUCKETS_SECONDS } from "../../shared/telemetry/metrics.ts";
import { exposeHistogram, exposeLatency, observerOf } from "../../shared/telemetry/registry.ts";
import { registeredTracing, type Tracing } from "../../shared/telemetry/trace.ts";
import { exposeCaches } from "./accounting/cache-metrics.ts";
import { exposeBridge, exposeCredentials } from "./accounting/metrics.ts";
import { Bridge, type StopReport } from "./bridge.ts";
import { CredentialWatch } from "./credential-watch.ts";
import { Denials } from "./denials.ts";
import type { IngestObserver } from "./ingest.ts";
import { type ReloadCause, type ReloadResult, TrustInForce } from "./trust/in-force.ts";
import { exposeTrust } from "./trust/metrics.ts";

export interface BridgeService {
  readonly bridge: Bridge;
  /** Seconds from arrival to PubAck, by stream. */
  readonly latency: Histogram;
  readonly telemetryUrl: string;
  /** Takes trust anew, for the messages that arrive from then on; `read` may throw, and then the old one stays. */
  reload(read: () => TrustSettings, cause: ReloadCause): ReloadResult;
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
  const connect = (name: string, label: string): Promise<Connection> =>
    openNamed(resolved.connections, name, label, log);
  const setUp = async (name: string, ensure: (jsm: Manager) => Promise<unknown>): Promise<void> => {
    await withManager(await connect(name, "setup"), ensure).catch((error: unknown) => {
      throw refusal(new Denials(config), name, error);
    });
  };
  for (const { connection, spec } of streamsOf(config)) {
    await setUp(connection, (jsm) => ensureStream(jsm, spec, { apply }));
  }
  for (const { connection, spec } of sourceConsumers(config)) {
    await setUp(connection, (jsm) => ensureConsumer(jsm, spec, { apply }));
  }

  const trust = new TrustInForce(resolved.trust, log);
  const registry = new Registry();
  const latency = exposeLatency(registry, BRIDGE_METRICS.storeSeconds);
  const clock = { now: () => performance.now(), random: Math.random };
  const bridge = await Bridge.start(config, {
    connect,
    trust: trust.trust,
    wallClock: Date.now,
    clock,
    log,
    instance: randomBytes(8).toString("hex"),
    onStored: observerOf(latency),
    judgement: judgementMetrics(registry, clock.now),
    tracing: tracingOf(config, log),
  });
  const watch = watchCredentials(config, resolved, bridge, log);
  exposeBridge(registry, bridge, clock.now);
  exposeCredentials(registry, watch, Date.now);
  exposeTrust(registry, trust);
  exposeCaches(registry, () => trust.trust);
  const telemetry = await serve({ config, registry, bridge, watch, trust });
  log.info({ telemetry: telemetry.url, ingest: Object.keys(config.ingest) }, "the bridge is receiving");
  return {
    bridge,
    latency,
    telemetryUrl: telemetry.url,
    reload: (read, cause) => {
      const result = trust.reload(read, cause);
      if (result === "changed") bridge.reloadTrust(trust.trust);
      return result;
    },
    stop: (deadlineMs) => {
      watch.close();
      return stop(bridge, telemetry, deadlineMs);
    },
  };
}

function judgementMetrics(registry: Registry, now: () => number): IngestObserver {
  return {
    now,
    judged: observerOf(exposeHistogram(registry, BRIDGE_METRICS.verifySeconds, VERIFY_BUCKETS_SECONDS)),
    skewed: observerOf(exposeHistogram(registry, BRIDGE_METRICS.senderClockSkew, SKEW_BUCKETS_SECONDS)),
  };
}

/** The SDK that `--import` has registered before anything here was loaded. */
function tracingOf(config: Config, log: Logger): Tracing | null {
  if (!config.bridge.spans) return null;
  const tracing = registeredTracing();
  if (tracing === null) log.warn("bridge.spans is on, but no OpenTelemetry SDK is registered: there are no spans");
  return tracing;
}

/** The credentials of the connections that this bridge has open. */
function watchCredentials(config: Config, resolved: ResolvedFiles, bridge: Bridge, log: Logger): CredentialWatch {
  const used = new Set([...Object.values(config.ingest), ...streamsOf(config)].map(({ connection }) => connection));
  const settings = [...used].flatMap((name) => resolved.connections[name] ?? []);
  const onChange = (name: string): void => {
    bridge
      .credentialsChanged(name)
      .catch((error: unknown) => log.error({ err: error, connection: name }, "no reconnect"));
  };
  return new CredentialWatch(settings, { wallClock: Date.now, log, onChange });
}

interface Served {
  readonly config: Config;
  readonly registry: Registry;
  readonly bridge: Bridge;
  readonly watch: CredentialWatch;
  readonly trust: TrustInForce;
}

/** A port that is taken must not leave a bridge running that nobody can stop. */
async function serve({ config, registry, bridge, watch, trust }: Served): Promise<TelemetryServer> {
  const readiness = () => ({ ...bridge.readiness(), warnings: [...watch.warnings, ...trust.warnings] });
  try {
    return await startTelemetry(config.bridge.http, registry, readiness);
  } catch (error) {
    watch.close();
    await bridge.stop(config.bridge.shutdownTimeout);
    throw error;
  }
}

/** The streams a bridge writes to: those its ingests name, and the quarantine. */
function streamsOf(config: Config): { connection: string; spec: StreamSpec }[] {
  const fed = fedStreams(config).flatMap((name) => {
    const stream = config.streams[name];
    return stream === undefined ? [] : [{ connection: stream.connection, spec: streamSpec(config, name) }];
  });
  const quarantine = quarantineConnection(config);
  return quarantine === null ? fed : [...fed, { connection: quarantine, spec: quarantineSpec(config) }];
}

async function withManager(connection: Connection, ensure: (jsm: Manager) => Promise<unknown>): Promise<void> {
  try {
    await ensure(await manage(connection));
  } finally {
    await connection.close();
  }
}

/** The client's own words for what it may not do name no remedy. */
function refusal(denials: Denials, connection: string, error: unknown): unknown {
  const denial = denialIn(error);
  if (denial === null) return error;
  return new Error(`connection "${connection}" ${denials.text(connection, denial)}`, { cause: error });
}

async function stop(bridge: Bridge, telemetry: TelemetryServer, deadlineMs: number): Promise<StopReport> {
  const report = await bridge.stop(deadlineMs);
  await telemetry.close();
  return report;
}
