import {
  AckPolicy,
  type ConsumerConfig,
  DeliverPolicy,
  DiscardPolicy,
  ReplayPolicy,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
} from "nats";
import type { ConsumerSpec, StreamSpec } from "./spec.ts";
import type { SettingDifference } from "./topology-error.ts";

const NS_PER_MS = 1_000_000;
const NANOSECONDS = new Set(["max_age", "duplicate_window", "ack_wait", "inactive_threshold"]);

/** What nats-server 2.9 to 2.15 refuse to change (errors 10052 and 10012). */
const FIXED_STREAM_SETTINGS = new Set(["retention", "storage"]);
const FIXED_CONSUMER_SETTINGS = new Set(["ack_policy", "deliver_policy", "replay_policy", "deliver_subject"]);

/** Settings in the server's words; what is absent or empty on the server counts as not set. */
type Settings = Readonly<Record<string, unknown>>;

export function streamSettings(spec: StreamSpec) {
  return {
    subjects: [...spec.subjects],
    retention: spec.retention === "workqueue" ? RetentionPolicy.Workqueue : RetentionPolicy.Limits,
    storage: spec.storage === "file" ? StorageType.File : StorageType.Memory,
    num_replicas: spec.replicas,
    max_bytes: spec.maxBytes,
    max_msgs: spec.maxMessages,
    max_msgs_per_subject: spec.maxMessagesPerSubject,
    max_msg_size: -1,
    max_age: spec.maxAgeMs * NS_PER_MS,
    discard: spec.discard === "new" ? DiscardPolicy.New : DiscardPolicy.Old,
    // Without it a full subject drops its oldest message even where the stream is to refuse new ones.
    discard_new_per_subject: spec.discard === "new" && spec.maxMessagesPerSubject > 0,
    duplicate_window: spec.duplicateWindowMs * NS_PER_MS,
    no_ack: false, // a stream that sends no PubAck cannot be waited for
  } satisfies Partial<StreamConfig>;
}

/**
 * One subject filter at most (2.9 ignores `filter_subjects` and delivers everything), no `backoff` (it overrides
 * `ack_wait`), and no bound on deliveries unless one is wanted as a guard (they can be spent without a run): retries are
 * the worker's.
 */
export function consumerSettings(spec: ConsumerSpec) {
  return {
    ack_policy: AckPolicy.Explicit,
    deliver_policy: DeliverPolicy.All,
    replay_policy: ReplayPolicy.Instant,
    ack_wait: spec.ackWaitMs * NS_PER_MS,
    max_ack_pending: spec.maxAckPending,
    max_deliver: spec.maxDeliver,
    ...(spec.filterSubject === null ? {} : { filter_subject: spec.filterSubject }),
  } satisfies Partial<ConsumerConfig>;
}

/**
 * Settings that a consumer of ours does not have. The client merges an update into what the server has, so that undefined
 * removes a setting; typed loosely because the client's types know no undefined.
 */
const UNSET_CONSUMER_SETTINGS: object = {
  filter_subject: undefined,
  filter_subjects: undefined,
  backoff: undefined,
  inactive_threshold: undefined,
  headers_only: undefined,
  deliver_subject: undefined,
};

export function consumerUpdate(spec: ConsumerSpec) {
  return { ...UNSET_CONSUMER_SETTINGS, ...consumerSettings(spec) };
}

export function streamDifferences(spec: StreamSpec, actual: Settings): readonly SettingDifference[] {
  return differences(streamSettings(spec), actual, FIXED_STREAM_SETTINGS);
}

export function consumerDifferences(spec: ConsumerSpec, actual: Settings): readonly SettingDifference[] {
  return differences(consumerUpdate(spec), actual, FIXED_CONSUMER_SETTINGS);
}

function differences(wanted: Settings, actual: Settings, fixed: ReadonlySet<string>): readonly SettingDifference[] {
  return Object.entries(wanted).flatMap(([setting, value]) => {
    const configured = settingText(setting, value);
    const found = settingText(setting, actual[setting]);
    return configured === found ? [] : [{ setting, configured, actual: found, isChangeable: !fixed.has(setting) }];
  });
}

function settingText(setting: string, value: unknown): string {
  if (value === undefined || value === null || value === false || value === 0 || value === "") return "none";
  if (Array.isArray(value)) return value.length === 0 ? "none" : [...value].sort().join(", ");
  if (typeof value === "number" && NANOSECONDS.has(setting)) return `${value / NS_PER_MS / 1_000}s`;
  return value === -1 ? "unlimited" : String(value);
}
