import { HEX_KEY } from "../../../shared/choria/token/key.ts";
import type { BrokerSettings } from "./broker-settings.ts";
import { domainOf } from "./hosts.ts";
import { domainPattern, patternList } from "./patterns.ts";
import type { Report } from "./report.ts";
import type { Security } from "./security.ts";

const ALLOWED = ["\\.mcollective$", "\\.choria$"];
const PRIVILEGED = ["\\.privileged.mcollective$", "\\.privileged.choria$"];
const HOSTS = ["identity", "plugin.choria.network.public_url", "plugin.choria.middleware_hosts"];
const SRV_DOMAIN = "plugin.choria.srv_domain";
/** The default of `ttl` here and of trust.ttl.max. */
const TTL_SECONDS = 60;

/** The trust section, without its collectives. */
export function trustEntry(settings: BrokerSettings, report: Report, security: Security): Record<string, unknown> {
  const protocol =
    security.protocol === "v1" ? { v1: v1Trust(settings, report, security.ca) } : { v2: v2Trust(settings, report) };
  return { ...protocol, ...ttl(settings, report) };
}

function v1Trust(settings: BrokerSettings, report: Report, ca: string): Record<string, unknown> {
  return {
    ca,
    allow: patternList(settings, report, "plugin.choria.security.certname_whitelist", ALLOWED),
    privileged: patternList(settings, report, "plugin.choria.security.privileged_users", PRIVILEGED),
    nodes: proposedNodes(settings, report),
  };
}

/** go-choria has no such list, and its adapter takes whoever registers. What can be told is the domain of its machines. */
function proposedNodes(settings: BrokerSettings, report: Report): readonly string[] {
  const hosts = HOSTS.flatMap((key) => settings.list(key) ?? []).map(domainOf);
  const domains = [...hosts, settings.text(SRV_DOMAIN) ?? null].flatMap((domain) => domain ?? []);
  const patterns = [...new Set(domains)].map(domainPattern);
  const sources = [...HOSTS, SRV_DOMAIN].join(", ");
  const why =
    patterns.length === 0
      ? `patterns of the nodes that may register; no domain stands in ${sources}, and an empty list lets none in`
      : `patterns of the nodes that may register, proposed from ${sources}: check that they fit all nodes`;
  report.remark("choose", why, ["trust", "v1", "nodes"]);
  return patterns;
}

function v2Trust(settings: BrokerSettings, report: Report): Record<string, unknown> {
  const names = settings.find("plugin.security.issuer.names");
  const signers = settings.find("plugin.security.choria.trusted_signers");
  if (names !== undefined && signers !== undefined) {
    report.problemAt(signers, `contradicts ${names.key}: go-choria takes one of them`, "take one of them out");
  }
  if (names === undefined && signers === undefined) {
    const fix = "set it, and plugin.security.issuer.<name>.public for each";
    report.problem(
      "plugin.security.issuer.names",
      "is not set, nor are trusted_signers: no token could be trusted",
      fix,
    );
  }
  const signsReplies = settings.flag("plugin.security.choria.sign_replies", true);
  if (!signsReplies)
    report.remark("changed", "sign_replies is off: replies are taken without a signature, proven by hash");
  const trusted =
    names === undefined ? { trustedSigners: hexKeys(settings, report) } : { issuers: issuers(settings, report) };
  return { ...trusted, ...(signsReplies ? {} : { requireSignedReplies: false }) };
}

function issuers(settings: BrokerSettings, report: Report): Record<string, string> {
  const names = settings.list("plugin.security.issuer.names") ?? [];
  const found = names.flatMap((name): [string, string][] => {
    const key = `plugin.security.issuer.${name}.public`;
    const setting = settings.option(key);
    if (setting === undefined) {
      report.problem(
        key,
        `is not set, and plugin.security.issuer.names has "${name}"`,
        "set it to the public key (hex)",
      );
      return [];
    }
    if (HEX_KEY.test(setting.value)) return [[name, setting.value]];
    report.problemAt(
      setting,
      "is no ed25519 public key",
      "write its 64 hex characters, as `choria jwt keys` prints them",
    );
    return [];
  });
  return Object.fromEntries(found);
}

function hexKeys(settings: BrokerSettings, report: Report): readonly string[] {
  const setting = settings.find("plugin.security.choria.trusted_signers");
  const keys = settings.list("plugin.security.choria.trusted_signers") ?? [];
  if (setting !== undefined && !keys.every((key) => HEX_KEY.test(key))) {
    report.problemAt(setting, "has something that is no ed25519 public key", "write 64 hex characters each");
  }
  return keys;
}

function ttl(settings: BrokerSettings, report: Report): { ttl?: { max: string } } {
  const seconds = settings.count("ttl", TTL_SECONDS);
  if (seconds <= TTL_SECONDS) {
    if (settings.text("ttl") !== undefined) report.remark("left out", `ttl: trust.ttl.max stays ${TTL_SECONDS}s`);
    return {};
  }
  report.remark("changed", `ttl = ${seconds}: messages are believed for that long; go-choria's adapter never looks`);
  return { ttl: { max: `${seconds}s` } };
}
