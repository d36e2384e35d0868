import { jobConnections, KEPT_SECTIONS, keptConnection } from "../../../shared/config/names.ts";
import { sourceConsumers } from "../../../shared/config/resolve.ts";
import type { Config } from "../../../shared/config/schema.ts";
import { sizeText } from "../../../shared/config/units.ts";
import { clockOffset } from "../../../shared/jetstream/clock-offset.ts";
import type { Connection } from "../../../shared/jetstream/connect.ts";
import { ConnectError } from "../../../shared/jetstream/connect-error.ts";
import { checkFeatures, featureNeeds, losesSpentMessages } from "../../../shared/jetstream/features.ts";
import { type AccountUse, accountUse, type ServerFacts, serverFacts } from "../../../shared/jetstream/server-facts.ts";
import type { ConnectionSettings } from "../../../shared/jetstream/spec.ts";
import type { CommandConnections } from "../command-connections.ts";
import type { OpenConfig } from "../config-file.ts";
import { countText, safeText, spanText } from "../text.ts";
import { examined, fail, type Line, ok, warn } from "./line.ts";
import { tokenLines } from "./token.ts";

export interface ConnectionFinding {
  readonly name: string;
  readonly lines: readonly Line[];
  /** A server let it in. */
  readonly reachable: boolean;
  /** Its streams can be examined. */
  readonly usable: boolean;
}

/** A clock that is off by this much confuses whoever compares times. */
const CLOCK_WARN_MS = 1_000;
const NEARLY_USED = 0.8;

/** Reachability, server, JetStream's limits, clock and features of a connection of the configuration. */
export async function examineConnection(
  { config, resolved }: OpenConfig,
  connections: CommandConnections,
  name: string,
): Promise<ConnectionFinding> {
  const about = `connection ${name}`;
  const settings = resolved.connections[name];
  let connection: Connection;
  try {
    connection = await connections.open(name);
  } catch (error) {
    return { name, reachable: false, usable: false, lines: [unreachableLine(about, error)] };
  }
  const server = await serverFacts(connection);
  const lines = [serverLine(about, server, settings), ...(await tokenLines(about, connection, settings))];
  const reached = { name, reachable: true };
  if (!jetStreamConnections(config).has(name)) {
    const unneeded = ok(about, "no stream is on it, so JetStream is not needed");
    return { ...reached, usable: false, lines: [...lines, unneeded] };
  }
  const account = await examined(about, async () => accountLines(about, await accountUse(connection)));
  const usable = account.every(({ text }) => !text.startsWith("cannot be examined"));
  if (!usable) return { ...reached, usable, lines: [...lines, ...account.map(withoutJetStream)] };
  return {
    ...{ ...reached, usable },
    lines: [
      ...lines,
      ...account,
      ...(await examined(about, async () => [clockLine(about, config, await clockOffset(connection, Date.now))])),
      ...featureLines(about, config, { name, version: server.version }),
    ],
  };
}

function unreachableLine(about: string, error: unknown): Line {
  if (error instanceof ConnectError) return fail(about, `not reachable ${error.detail} [${error.failure}]`, error.fix);
  const text = error instanceof Error ? error.message : String(error);
  return fail(about, `not reachable: ${text}`, "mend servers, tls and credentials of this connection");
}

function withoutJetStream({ about, text }: Line): Line {
  return fail(about, text.replace("cannot be examined: ", ""), "streams and jobs of this connection need JetStream");
}

function jetStreamConnections(config: Config): ReadonlySet<string> {
  const kept = KEPT_SECTIONS.map((section) => keptConnection(config, section));
  const streams = Object.values(config.streams).map(({ connection }) => connection);
  const sources = sourceConsumers(config).map(({ connection }) => connection);
  return new Set([...streams, ...sources, ...kept, ...jobConnections(config)].filter((name) => name !== null));
}

function serverLine(about: string, server: ServerFacts, settings: ConnectionSettings | undefined): Line {
  const place = server.cluster === null ? "a single server" : `cluster "${safeText(server.cluster)}"`;
  const servers = settings?.servers ?? [];
  const encrypted =
    server.tlsRequired || (settings?.tls ?? null) !== null || servers.some((url) => url.startsWith("tls:"));
  const text = [
    `nats-server ${safeText(server.version)} "${safeText(server.name)}", ${place}`,
    encrypted ? "TLS" : "plain TCP",
    `rtt ${server.rttMs < 1 ? "under 1ms" : spanText(server.rttMs)}`,
    `max_payload ${sizeText(server.maxPayload)}`,
  ].join(", ");
  if (encrypted || servers.every(isLoopback)) return ok(about, text);
  return warn(about, text, "what passes can be read and changed on the way: use tls:// and a `tls` section");
}

function isLoopback(server: string): boolean {
  return /^(?:localhost|127\.|\[::1\])/.test(new URL(server).hostname);
}

function accountLines(about: string, uses: readonly AccountUse[]): readonly Line[] {
  const text = `JetStream: ${uses.map(useText).join(", ")}`;
  const short = uses.filter(({ used, most }) => most !== null && used >= most * NEARLY_USED);
  if (short.length === 0) return [ok(about, text)];
  const names = short.map(({ what }) => what).join(", ");
  return [warn(about, text, `raise the account's limit of ${names}: beyond it nothing is stored or made`)];
}

function useText({ what, used, most }: AccountUse): string {
  const amount = what === "memory" || what === "storage" ? sizeOf : countText;
  return `${what} ${amount(used)}${most === null ? " (no limit)" : ` of ${amount(most)}`}`;
}

const BYTE_UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

/** Bytes for people: `12.3 MiB`. */
export function sizeOf(bytes: number): string {
  const power = bytes < 1 ? 0 : Math.min(BYTE_UNITS.length - 1, Math.floor(Math.log2(bytes) / 10));
  const amount = bytes / 1_024 ** power;
  return `${power === 0 ? amount : amount.toFixed(1)} ${BYTE_UNITS[power]}`;
}

function clockLine(about: string, { trust }: Config, found: Awaited<ReturnType<typeof clockOffset>>): Line {
  if (found === null) {
    const todo = "allow the account to subscribe to $JS.EVENT.ADVISORY.API, or compare the clocks by hand";
    return warn(about, "the server's clock cannot be read", todo);
  }
  const { offsetMs, uncertaintyMs } = found;
  const direction = offsetMs < 0 ? "behind" : "ahead of";
  const text = `the server's clock is ${spanText(Math.abs(offsetMs))} ${direction} ours (+-${spanText(Math.ceil(uncertaintyMs))})`;
  const off = Math.abs(offsetMs) - uncertaintyMs;
  if (off < CLOCK_WARN_MS) return ok(about, text);
  const todo = "let both keep time with NTP: delays, ages and latencies compare the two clocks";
  return off < trust.ttl.max ? warn(about, text, todo) : fail(about, text, todo);
}

function featureLines(
  about: string,
  config: Config,
  { name, version }: { readonly name: string; readonly version: string },
): readonly Line[] {
  const findings = checkFeatures(featureNeeds(config, name), version);
  const replicated = Object.values(config.streams).filter(
    ({ connection, retention, replicas }) => connection === name && retention === "workqueue" && replicas > 1,
  );
  const missing = findings.filter(({ present }) => !present);
  const lines = missing.map(({ mode, text }) => {
    const todo = "upgrade the server to have it";
    return mode === "refuse" ? fail(about, text, todo) : warn(about, `reduced mode, ${text}`, todo);
  });
  if (replicated.length > 0 && losesSpentMessages(version)) {
    const text = `nats-server ${version} loses messages of replicated work queues whose deliveries are spent`;
    lines.push(fail(about, text, "upgrade the server"));
  }
  return lines.length > 0 ? lines : [ok(about, "the server has every feature that the configuration uses")];
}
