import { checkServerIdentity, type PeerCertificate } from "node:tls";
import type { TlsOptions } from "nats";
import type { ConnectionSecrets, ConnectionSettings } from "./spec.ts";

/** The client's TLS options; null for plain TCP, which the server may still upgrade. */
export function tlsOptions({ tls, servers }: ConnectionSettings): TlsOptions | null {
  // The client ignores the scheme of a URL: unless `tls` is set it would talk in the clear to a server that lets it.
  if (tls === null && !servers.some((server) => server.startsWith("tls://"))) return null;
  return { handshakeFirst: tls?.handshakeFirst === true, ...presentIn(tls), ...identityCheck(servers.map(hostOf)) };
}

/** The PEM texts that there are, under the client's names. */
export function presentIn(tls: ConnectionSecrets["tls"]): { ca?: string; cert?: string; key?: string } {
  const { ca = null, cert = null, key = null } = tls ?? {};
  return Object.fromEntries(Object.entries({ ca, cert, key }).filter(([, pem]) => pem !== null));
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
