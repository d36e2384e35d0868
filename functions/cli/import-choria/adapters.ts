import { suggestName } from "../../../shared/config/nearest.ts";
import { isValidSubject } from "../../../shared/subjects/overlap.ts";
import type { BrokerSettings } from "./broker-settings.ts";
import type { Setting } from "./conf-text.ts";
import type { Report } from "./report.ts";

/** An adapter as broker.conf has it (broker/adapter/**, v0.29.4). */
export interface Adapter {
  readonly name: string;
  readonly carries: "requests" | "replies";
  /** Subject it listens to. */
  readonly topic: string;
  /** Subject it publishes to; every `%s` becomes the sender. */
  readonly target: string;
  readonly servers: Setting | undefined;
  /** Messages it holds for its publishers. */
  readonly queueLength: number;
}

const TYPES = ["choria_streams", "jetstream"];
/** What NATS Streaming was called, which go-choria no longer feeds. */
const STREAMING_TYPES = ["nats_stream", "natsstream"];
const QUEUE_LENGTH = 1_000;
const WORKERS = 10;

/** Every adapter that is switched on; what is wrong with one is among the problems. */
export function readAdapters(settings: BrokerSettings, report: Report): readonly Adapter[] {
  const names = settings.list("plugin.choria.adapters");
  if (names === null) {
    const fix = "name an adapter in it; without one, start from docs/example.yaml instead";
    report.problem("plugin.choria.adapters", "is not set: there is no adapter to take over", fix);
    return [];
  }
  return [...new Set(names)].flatMap((name) => {
    if (name !== "") return readAdapter(settings, report, name) ?? [];
    report.problem(
      "plugin.choria.adapters",
      "has an empty name, and go-choria does not start with it",
      "take the comma out",
    );
    return [];
  });
}

function readAdapter(settings: BrokerSettings, report: Report, name: string): Adapter | null {
  const prefix = `plugin.choria.adapter.${name}`;
  const [isKnown, topic] = [checkType(settings, report, name), ingestTopic(settings, report, `${prefix}.ingest.topic`)];
  const carries = carried(settings, report, { prefix, topic });
  const written = settings.option(`${prefix}.stream.topic`);
  if (written === undefined) report.remark("default", `${name}: stream.topic is not set: ${name}`);
  const queueLength = number(settings, report, { key: `${prefix}.queue_len`, fallback: QUEUE_LENGTH, least: 0 });
  for (const side of ["ingest", "stream"]) {
    number(settings, report, { key: `${prefix}.${side}.workers`, fallback: WORKERS, least: 1 });
  }
  if (!isKnown || topic === null || carries === null) return null;
  const servers = settings.option(`${prefix}.stream.servers`);
  return { name, carries, topic, target: written?.value ?? name, servers, queueLength };
}

function checkType(settings: BrokerSettings, report: Report, name: string): boolean {
  const key = `plugin.choria.adapter.${name}.type`;
  const type = settings.option(key);
  if (type === undefined) {
    report.problem(key, "is not set, and go-choria does not start without it", "write choria_streams");
    return false;
  }
  if (TYPES.includes(type.value)) return true;
  if (!STREAMING_TYPES.includes(type.value)) {
    report.problemAt(type, "is no type of adapter", suggestName(type.value, TYPES));
    return false;
  }
  const text =
    `${name} feeds NATS Streaming, which is no more: the bridge stores in JetStream, so name a server that has it, and tell ` +
    "readers that the envelope's protocol is choria:adapters:choria_streams:output:1";
  report.remark("choose", text, ["streams", name]);
  const cluster = settings.option(`plugin.choria.adapter.${name}.stream.clusterid`);
  if (cluster !== undefined) report.remark("left out", `${cluster.key}: JetStream has no cluster ids`);
  return true;
}

function ingestTopic(settings: BrokerSettings, report: Report, key: string): string | null {
  const topic = settings.option(key);
  if (topic === undefined) {
    report.problem(key, "is not set, and go-choria does not start without it", "name the subject to listen to");
    return null;
  }
  if (isValidSubject(topic.value)) return topic.value;
  report.problemAt(topic, "is no NATS subject", 'write tokens joined by ".", "*" for one of them and ">" for the rest');
  return null;
}

interface Listening {
  readonly prefix: string;
  readonly topic: string | null;
}

/** ingest/ingest.go: whatever is not `request` is taken as `reply`. */
function carried(settings: BrokerSettings, report: Report, { prefix, topic }: Listening): Adapter["carries"] | null {
  const key = `${prefix}.ingest.protocol`;
  const protocol = settings.option(key);
  if (protocol?.value === "request") return "requests";
  if (topic !== null && carriesRequests(topic)) {
    const fix = `write ${key} = request`;
    const problem = `is ${protocol === undefined ? "not set, which means reply" : `"${protocol.value}", which go-choria takes as reply`}, and ${topic} carries requests: every message would be discarded`;
    if (protocol === undefined) report.problem(key, problem, fix);
    else report.problemAt(protocol, problem, fix);
    return null;
  }
  if (protocol === undefined) report.remark("default", `${key} is not set: reply`);
  else if (protocol.value !== "reply") {
    report.remark("reading", `${key} = ${protocol.value}: whatever is not "request" means reply`);
  }
  return "replies";
}

/** Subjects of Choria on which there are requests and no replies. */
export function carriesRequests(topic: string): boolean {
  return /^(?:[^.]+\.)+broadcast\.(?:agent|service)\.[^.]+$/.test(topic);
}

interface Count {
  readonly key: string;
  readonly fallback: number;
  readonly least: number;
}

function number(settings: BrokerSettings, report: Report, { key, fallback, least }: Count): number {
  const setting = settings.option(key);
  if (setting === undefined) return fallback;
  const value = /^[+-]?\d+$/.test(setting.value) ? Number(setting.value) : null;
  if (value !== null && value >= least) return value;
  const problem =
    value === null ? "is no whole number, and go-choria does not start with it" : "lets the adapter move nothing";
  report.problemAt(setting, problem, `make it ${least} or more, or leave it out (${fallback})`);
  return fallback;
}
