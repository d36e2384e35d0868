import { join } from "node:path";
import type { BrokerSettings } from "./broker-settings.ts";
import type { Report } from "./report.ts";

/** The security provider of a broker; its token in v2 is a server's, which is of no use to others. Paths are absolute. */
export type Security =
  | { readonly protocol: "v1"; readonly ca: string; readonly cert: string; readonly key: string }
  | { readonly protocol: "v2"; readonly ca: string | undefined };

const PROVIDERS = ["puppet", "file", "pkcs11", "certmanager", "choria"];
/** What `puppet config print ssldir` says for root. */
const PUPPET_SSL = "/etc/puppetlabs/puppet/ssl";

/** Null when the provider cannot be told, which is then among the problems. `host` stands in for an unset identity. */
export function readSecurity(settings: BrokerSettings, report: Report, host: string): Security | null {
  const setting = settings.find("plugin.security.provider");
  const provider = setting?.value ?? "puppet";
  if (setting === undefined) report.remark("default", "plugin.security.provider is not set: puppet");
  switch (provider) {
    case "choria":
      return choriaSecurity(settings, report);
    case "file":
      return fileSecurity(settings, report);
    case "puppet":
      return puppetSecurity(settings, report, host);
    case "certmanager":
      return certManagerSecurity(settings, report);
    case "pkcs11":
      return pkcs11Security(settings, report);
    default:
      if (setting !== undefined) report.problemAt(setting, "is no security provider", `write ${PROVIDERS.join(", ")}`);
      return null;
  }
}

function choriaSecurity(settings: BrokerSettings, report: Report): Security {
  for (const file of ["token_file", "seed_file"]) needed(settings, report, `plugin.security.choria.${file}`);
  const ca = settings.path("plugin.security.choria.ca");
  for (const key of NOT_WITH_TOKENS) {
    const setting = settings.find(key);
    if (setting === undefined || (key.endsWith("_anon_tls") && !settings.flag(key, false))) continue;
    report.problemAt(setting, "go-choria refuses it beside the choria security provider", "take it out");
  }
  return { protocol: "v2", ca };
}

/** providers/security/choria/option.go */
const NOT_WITH_TOKENS = [
  "plugin.choria.security.server.token_file",
  "plugin.choria.security.server.seed_file",
  "plugin.choria.security.request_signer.token_file",
  "plugin.choria.security.request_signer.seed_file",
  "plugin.security.server_anon_tls",
  "plugin.security.client_anon_tls",
];

function fileSecurity(settings: BrokerSettings, report: Report): Security {
  const [ca, cert, key] = ["ca", "certificate", "key"].map((part) =>
    needed(settings, report, `plugin.security.file.${part}`),
  );
  return { protocol: "v1", ca: ca ?? "", cert: cert ?? "", key: key ?? "" };
}

function puppetSecurity(settings: BrokerSettings, report: Report, host: string): Security {
  const written = settings.path("plugin.choria.ssldir");
  const identity = settings.text("identity");
  const folder = written ?? PUPPET_SSL;
  if (written === undefined) {
    report.remark("choose", `plugin.choria.ssldir is not set, go-choria asks Puppet for it; taken as ${folder}`);
  }
  if (identity === undefined) {
    report.remark("choose", `identity is not set, go-choria takes the name of its host; taken as ${host}`);
  }
  const name = `${identity ?? host}.pem`;
  return {
    protocol: "v1",
    ca: join(folder, "certs", "ca.pem"),
    cert: join(folder, "certs", name),
    key: join(folder, "private_keys", name),
  };
}

function certManagerSecurity(settings: BrokerSettings, report: Report): Security {
  const folder = needed(settings, report, "plugin.choria.ssldir");
  return {
    protocol: "v1",
    ca: join(folder, "ca.pem"),
    cert: join(folder, "cert.pem"),
    key: join(folder, "key.pem"),
  };
}

/** The key stays in its device: the bridge needs a certificate of its own, and until it has one its connection has none. */
function pkcs11Security(settings: BrokerSettings, report: Report): Security {
  const ca = needed(settings, report, "plugin.security.file.ca");
  report.remark("choose", "the bridge cannot use a key in a PKCS#11 device: give it a certificate and key of its own", [
    "connections",
    "broker",
    "tls",
  ]);
  return { protocol: "v1", ca, cert: "", key: "" };
}

function needed(settings: BrokerSettings, report: Report, key: string): string {
  const path = settings.path(key);
  if (path === undefined) report.problem(key, "is not set, and go-choria does not start without it", "name the file");
  return path ?? "";
}
