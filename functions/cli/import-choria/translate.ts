import { ConfigError } from "../../../shared/config/problem.ts";
import { type Adapter, readAdapters } from "./adapters.ts";
import { BrokerSettings, type Place, type SettingsFile } from "./broker-settings.ts";
import type { Setting } from "./conf-text.ts";
import { ConnectionEntries } from "./connections.ts";
import { flowsOf } from "./flows.ts";
import { reasonLeftOut } from "./known-settings.ts";
import type { Remark, Report } from "./report.ts";
import { readSecurity, type Security } from "./security.ts";
import { trustEntry } from "./trust.ts";

export interface BrokerConf {
  readonly files: readonly SettingsFile[];
  readonly place: Place;
  /** Stands in for an identity that is not set. */
  readonly host: string;
}

export interface Translation {
  /** Our configuration, as plain values. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly remarks: readonly Remark[];
}

const COLLECTIVES = { v1: ["mcollective"], v2: ["choria"] };
/** Default of streams.*.duplicateWindow, and of their buffer.maxAge, in seconds. */
const WINDOW_SECONDS = 300;
const BUFFER_SECONDS = 120;

/**
 * Our configuration for the adapters of a broker.conf of go-choria v0.29.4. Throws `ConfigError` with everything that
 * go-choria would not start with, or that contradicts itself. Every setting ends up in the configuration or in a remark.
 */
export function translate({ files, place, host }: BrokerConf, report: Report): Translation {
  const settings = new BrokerSettings(files, place, report);
  const security = readSecurity(settings, report, host);
  const adapters = readAdapters(settings, report);
  if (security === null) throw new ConfigError(report.problems);
  const trust = trustEntry(settings, report, security);
  const collectives = collectivesOf(settings, report, { security, adapters });
  const connections = new ConnectionEntries(settings, report, { security, host });
  const flows = flowsOf(adapters, report, {
    connections,
    hasWeakReplies: security.protocol === "v1" || !settings.flag("plugin.security.choria.sign_replies", true),
    duplicateWindow: duplicateWindow(settings),
  });
  const log = logLevel(settings, report);
  noteChanges(report, security);
  noteRest(settings.rest(), report, adapters);
  if (report.problems.length > 0) throw new ConfigError(report.problems);
  return {
    config: { connections: connections.entries, trust: { ...trust, collectives }, ...flows, ...log },
    remarks: report.remarks,
  };
}

/** config/config.go `normalize`; the adapter takes whatever comes, so the collectives it listens in count as well. */
function collectivesOf(
  settings: BrokerSettings,
  report: Report,
  { security, adapters }: { security: Security; adapters: readonly Adapter[] },
): readonly string[] {
  const written = settings.list("collectives")?.filter((name) => name !== "");
  const own = written ?? COLLECTIVES[security.protocol];
  if (written === undefined) report.remark("default", `collectives is not set: ${own.join(", ")}`);
  const heard = adapters.flatMap(({ topic }) => /^([\w.-]+?)\.(?:broadcast|reply)\./.exec(topic)?.[1] ?? []);
  const more = [...new Set(heard)].filter((name) => !own.includes(name));
  for (const name of more) {
    report.remark("changed", `collective ${name} is not in collectives, but an adapter listens in it: it is accepted`);
  }
  return [...own, ...more];
}

/** What the server has to remember for a copy not to be stored again, see config check. */
function duplicateWindow(settings: BrokerSettings): string | null {
  const needed = 2 * settings.count("ttl", 60) + BUFFER_SECONDS;
  return needed > WINDOW_SECONDS ? `${needed}s` : null;
}

function logLevel(settings: BrokerSettings, report: Report): { log?: { level: string } } {
  const level = settings.text("loglevel");
  if (level === undefined) return {};
  if (!["debug", "info", "warn", "error", "fatal"].includes(level)) {
    report.remark("reading", `loglevel = ${level} is no level of go-choria's: info`);
    return {};
  }
  if (level === "info") return {};
  return { log: { level: level === "fatal" ? "error" : level } };
}

function noteChanges(report: Report, { protocol }: Security): void {
  const proof = {
    v1: "its certificate chain and signature (replies: the hash is all they have)",
    v2: "its token and signature",
  }[protocol];
  const kept = "what is refused is counted and kept in the stream CHORIA_QUARANTINE";
  const validated = `every message is validated before it is stored: ${proof}, its age and its collective; ${kept}`;
  report.remark("changed", `${validated}. go-choria's adapter checks nothing`);
  report.remark(
    "changed",
    "each message is stored with a PubAck, tried again until it is, and stored once (Nats-Msg-Id)",
  );
  report.remark(
    "changed",
    "workers and queue_len: one connection does it all, and holds 20,000 messages while it cannot store",
  );
  report.remark(
    "changed",
    "the queue group is not go-choria's: while both run, each receives every message and stores it",
  );
  report.remark(
    "choose",
    "to compare first, write `enforce: false` in each ingest: nothing is stored then, only counted",
  );
  report.remark("choose", "when the bridge has taken over, take plugin.choria.adapters out of broker.conf");
}

/** Whatever was not asked for: known to go-choria, or a mistake. */
function noteRest(rest: readonly Setting[], report: Report, adapters: readonly Adapter[]): void {
  for (const { key, file, line } of rest) {
    const known = reasonLeftOut(key);
    if (known !== null) {
      report.remark("left out", `${key}: ${known}`);
      continue;
    }
    const own = adapters.some(({ name }) => key.startsWith(`plugin.choria.adapter.${name}.`));
    const inactive = key.startsWith("plugin.choria.adapter.") && !own;
    const why = inactive ? "its adapter is not in plugin.choria.adapters" : "go-choria 0.29 knows no such setting";
    report.remark("unknown", `${key} (${file}:${line}): ${why}`);
  }
}
