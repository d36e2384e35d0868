import { isIP } from "node:net";
import type { Setting } from "./conf-text.ts";
import type { Report } from "./report.ts";

/**
 * The servers of a comma list, as URLs. go-choria takes `host:port`, with or without a scheme, and uses TLS whatever the
 * scheme (srvcache/util.go, choria/connection.go).
 */
export function serverUrls(setting: Setting, report: Report): readonly string[] {
  return setting.value.split(",").flatMap((text): readonly string[] => {
    const [, scheme = "nats", userInfo, place = text.trim()] =
      /^([a-z][a-z0-9+.-]*):\/\/(?:([^@/]*)@)?([^/?#]+)/i.exec(text.trim()) ?? [];
    const problem = serverProblem(scheme.toLowerCase(), place);
    if (problem !== null) {
      report.problemAt(setting, problem, 'write servers as "host:4222", with commas between them');
      return [];
    }
    if (userInfo !== undefined) {
      report.remark("reading", `${setting.key}: user and password in a URL do not count, go-choria drops them as well`);
    }
    return [`tls://${place}`];
  });
}

function serverProblem(scheme: string, place: string): string | null {
  if (scheme === "ws" || scheme === "wss") return "names a websocket, which the bridge does not speak";
  const [, port] = /^(?:\[[0-9a-fA-F:.]+\]|[^\s:]+):(\d{1,5})$/.exec(place) ?? [];
  if (port === undefined) return `"${place}" is no host and port`;
  return Number(port) > 65_535 ? `${port} is no port` : null;
}

/** The domain of a host's name; null for an address and for a name that has none, or only a top-level domain. */
export function domainOf(host: string): string | null {
  const name = host.replace(/^[a-z]+:\/\//, "").replace(/:\d+$/, "");
  const dot = name.indexOf(".");
  const domain = name.slice(dot + 1);
  return dot <= 0 || !domain.includes(".") || domain.endsWith(".") || isIP(name.replace(/[[\]]/g, "")) !== 0
    ? null
    : domain;
}
