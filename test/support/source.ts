import type { TestContext } from "node:test";
import { AckPolicy, type ConsumerInfo, type JetStreamManager, type StreamConfig } from "nats";
import { pino } from "pino";
import { Bridge } from "../../functions/bridge/bridge.ts";
import type { BridgeService } from "../../functions/bridge/run.ts";
import { createTrust } from "../../shared/choria/trust.ts";
import { quarantineSpec, sourceConsumers, streamSpec } from "../../shared/config/resolve.ts";
import type { Config } from "../../shared/config/schema.ts";
import { openNamed } from "../../shared/jetstream/connect.ts";
import { ensureConsumer, ensureStream } from "../../shared/jetstream/topology.ts";
import { REGISTRATION_SUBJECT, resolveTestFiles } from "./bridge.ts";

export const SOURCE = { stream: "REGISTRATIONS", durable: "choria-bridge" } as const;

/** The sections of a configuration whose registrations come from the stream `REGISTRATIONS`. */
export function sourceIngest(
  source: Record<string, unknown> = {},
  changes: Record<string, unknown> = {},
): Record<string, unknown> {
  const registration = {
    connection: "main",
    subject: REGISTRATION_SUBJECT,
    kind: "registration",
    from: "stream",
    source: { ...SOURCE, ...source },
    to: ["JOBS"],
    ...changes,
  };
  return { ingest: { registration } };
}

/** Makes the stream that nodes write to, as Choria Streams would be there. */
export async function addSource(jsm: JetStreamManager, config: Partial<StreamConfig> = {}): Promise<void> {
  await jsm.streams.add({ name: SOURCE.stream, subjects: [REGISTRATION_SUBJECT], ...config });
}

/** What the durable says; everything is settled when neither `num_pending` nor `num_ack_pending` is left. */
export function sourceConsumer(jsm: JetStreamManager): Promise<ConsumerInfo> {
  return jsm.consumers.info(SOURCE.stream, SOURCE.durable);
}

/** As the bridge makes it, for tests that have messages wait before there is one. */
export async function addSourceConsumer(
  jsm: JetStreamManager,
  changes: { ackWaitMs?: number; inFlight?: number } = {},
) {
  await jsm.consumers.add(SOURCE.stream, {
    durable_name: SOURCE.durable,
    ack_policy: AckPolicy.Explicit,
    filter_subject: REGISTRATION_SUBJECT,
    ack_wait: (changes.ackWaitMs ?? 30_000) * 1e6,
    max_ack_pending: 4 * (changes.inFlight ?? 1_000),
    max_deliver: -1,
  });
}

export function sourceCounters({ bridge }: BridgeService, { ingest = "registration", stream = "JOBS" } = {}) {
  const { ingests, streams, quarantine } = bridge.counters;
  return {
    ingest: ingests.get(ingest)!,
    stream: streams.get(stream)!,
    quarantine,
    source: bridge.sources.get(ingest)!,
  };
}

/** A bridge whose wall clock is off by `aheadMs`, over streams and a consumer made as the configuration says. */
export async function startSkewedBridge(
  t: Pick<TestContext, "after">,
  config: Config,
  { jsm, aheadMs }: { jsm: JetStreamManager; aheadMs: number },
): Promise<Bridge> {
  const resolved = resolveTestFiles(config);
  for (const name of Object.keys(config.streams)) await ensureStream(jsm, streamSpec(config, name), { apply: false });
  await ensureStream(jsm, quarantineSpec(config), { apply: false });
  for (const { spec } of sourceConsumers(config)) await ensureConsumer(jsm, spec, { apply: false });
  const bridge = await Bridge.start(config, {
    connect: (name, label) => openNamed(resolved.connections, name, label),
    trust: createTrust(resolved.trust),
    wallClock: () => Date.now() + aheadMs,
    clock: { now: () => performance.now(), random: Math.random },
    log: pino({ level: "silent" }),
    instance: "skewed",
  });
  t.after(() => bridge.stop(200));
  return bridge;
}
