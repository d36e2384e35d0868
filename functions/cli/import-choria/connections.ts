import type { BrokerSettings } from "./broker-settings.ts";
import type { Setting } from "./conf-text.ts";
import { serverUrls } from "./hosts.ts";
import type { Report } from "./report.ts";
import type { Security } from "./security.ts";

/** A connection as it is written into the configuration. */
export interface ConnectionEntry {
  readonly servers: readonly string[];
  readonly tls: Readonly<Record<string, string>>;
  readonly credsFile?: string;
}

const BROKER = "broker";

/** The connections of a broker's adapters, by the name they get. */
export class ConnectionEntries {
  readonly entries: Record<string, ConnectionEntry> = {};
  readonly #credentials: Omit<ConnectionEntry, "servers">;
  readonly #report: Report;

  constructor(settings: BrokerSettings, report: Report, { security, host }: { security: Security; host: string }) {
    this.#report = report;
    this.#credentials = credentials(settings, report, security);
    this.entries[BROKER] = { servers: middlewareServers(settings, report, host), ...this.#credentials };
  }

  /** Where nodes are listened to. */
  get broker(): string {
    return BROKER;
  }

  /** Where an adapter's stream lives: go-choria shows the same credentials to every server. */
  streams(adapter: string, servers: Setting | undefined): string {
    if (servers === undefined) {
      this.#report.remark("default", `${adapter}: stream.servers is not set: the brokers that are listened to`);
      return BROKER;
    }
    const urls = serverUrls(servers, this.#report);
    const known = Object.entries(this.entries).find(([, entry]) => String(entry.servers) === String(urls));
    if (known !== undefined) return known[0];
    const name = adapter === BROKER ? `${adapter}-streams` : adapter;
    this.entries[name] = { servers: urls, ...this.#credentials };
    return name;
  }
}

/** choria/framework.go `MiddlewareServers`: federation, then what is set, then DNS, then puppet:4222. */
function middlewareServers(settings: BrokerSettings, report: Report, host: string): readonly string[] {
  const collectives = settings.find("plugin.choria.federation.collectives");
  const key =
    collectives === undefined ? "plugin.choria.middleware_hosts" : "plugin.choria.federation_middleware_hosts";
  if (collectives !== undefined) {
    report.remark("reading", `plugin.choria.federation.collectives is set: adapters listen at ${key}`);
  }
  const setting = settings.find(key);
  if (setting !== undefined) return serverUrls(setting, report);
  const [usesDns, domain] = [settings.flag("plugin.choria.use_srv", true), settings.text("plugin.choria.srv_domain")];
  const servers = guessedServers(settings, host);
  const found = usesDns ? ` go-choria asks DNS for them (SRV${domain === undefined ? "" : ` in ${domain}`});` : "";
  report.remark("choose", `${key} is not set:${found} name the brokers`, ["connections", BROKER, "servers"]);
  return servers;
}

function guessedServers(settings: BrokerSettings, host: string): readonly string[] {
  if (!settings.flag("plugin.choria.broker_network", false)) return ["tls://puppet:4222"];
  const advertised = settings.text("plugin.choria.network.public_url")?.replace(/^[a-z]+:\/\//, "");
  if (advertised !== undefined && /^[^\s:/@]+:\d+$/.test(advertised)) return [`tls://${advertised}`];
  const port = settings.count("plugin.choria.network.client_port", 4_222);
  return [`tls://${settings.text("identity") ?? host}:${port}`];
}

function credentials(settings: BrokerSettings, report: Report, security: Security): Omit<ConnectionEntry, "servers"> {
  if (security.protocol === "v1") {
    const { ca, cert, key } = security;
    const nats = natsCredentials(settings, report);
    if (cert === "") return { tls: { ca }, ...nats };
    const text =
      "this is the broker's own certificate and key: give the bridge a pair of its own, signed by the same CA";
    report.remark("choose", text, ["connections", BROKER, "tls"]);
    return { tls: { ca, cert, key }, ...nats };
  }
  const { ca } = security;
  if (ca === undefined) {
    const text =
      "plugin.security.choria.ca is not set, so go-choria does not check the broker's certificate; the bridge does: write " +
      "`tls: { ca: FILE }` with the CA that signed it, unless the system trusts that CA";
    report.remark("choose", text, ["connections", BROKER, "tls"]);
  }
  const collective = settings.text("main_collective") ?? settings.list("collectives")?.[0] ?? "choria";
  const text =
    "plugin.security.choria.token_file is the broker's own, a server's token, and the bridge connects with a client's: make " +
    "one with `choria jwt client` that may subscribe to the ingests' subjects and publish to the streams' (docs/choria.md), " +
    `and write \`choria: { tokenFile: FILE, seedFile: FILE, collective: ${collective} }\` here`;
  report.remark("choose", text, ["connections", BROKER]);
  return { tls: ca === undefined ? {} : { ca } };
}

function natsCredentials(settings: BrokerSettings, report: Report): { credsFile?: string } {
  const user = settings.find("plugin.nats.user");
  const password = settings.find("plugin.nats.pass");
  if ((user === undefined) !== (password === undefined)) {
    report.remark("left out", "plugin.nats.user and plugin.nats.pass: go-choria sends them together only");
  }
  if (user !== undefined && password !== undefined) {
    const text =
      "plugin.nats.user and plugin.nats.pass hold a password: put it into a file that only the bridge may read, and write " +
      `\`user: ${user.value}\` and \`passwordFile: FILE\` here`;
    report.remark("choose", text, ["connections", BROKER]);
  }
  const credsFile = settings.path("plugin.nats.credentials");
  return credsFile === undefined ? {} : { credsFile };
}
