import { checkServerIdentity, type PeerCertificate } from "node:tls";
import type { ConnectionOptions } from "nats";
import type { ConnectionSettings } from "./spec.ts";

/** The client's TLS options; none for plain TCP, which the server may still upgrade. */
export function tlsOptions({ tls, servers }: ConnectionSettings): ConnectionOptions {
  // The client ignores the scheme of a URL: unless `tls` is set it would talk in the clear to a server that lets it.
  if (tls === null && !servers.some((server) => server.startsWith("tls://"))) return {};
  return { tls: { ...presentIn(tls), ...identityCheck(servers.map(hostOf)) } };
}

function presentIn(tls: ConnectionSettings["tls"]): { ca?: string; cert?: string; key?: string } {
  return Object.fromEntries(Object.entries(tls ?? {}).filter(([, pem]) => pem !== null));
}

/**
 * The client names no host to Node's TLS when the server is given as an IP address, and Node then compares the
 * certificate with "localhost" (nats 2.29). Compare it with the configured hosts instead.
 */
function identityCheck(hosts: readonly string[]) {
  return {
    checkServerIdentity(host: string, certificate: PeerCertificate): Error | undefined {
      if (host !== "localhost") return checkServerIdentity(host, certificate);
      const failures = hosts.map((configured) => checkServerIdentity(configured, certificate));
      return failures.includes(undefined) ? undefined : failures[0];
    },
  };
}

function hostOf(server: string): string {
  return new URL(server).hostname.replace(/^\[|\]$/g, "");
}
