import { NatsError } from "nats";
import type { ConnectionSettings } from "./spec.ts";

/** Why a connection could not be opened: what an operator can mend, each with its own fix. */
export type ConnectFailure =
  | "unreachable"
  | "no_greeting"
  | "timeout"
  | "tls_not_offered"
  | "tls_not_first"
  | "server_untrusted"
  | "server_expired"
  | "server_name"
  | "client_certificate_refused"
  | "credentials_refused"
  | "credentials_expired"
  | "credentials_damaged"
  | "no_nonce"
  | "unknown";

export interface Diagnosis {
  readonly failure: ConnectFailure;
  readonly fix: string;
}

/** By the codes of the client and of Node's TLS. */
const FAILURES: Readonly<Record<string, ConnectFailure>> = {
  CONNECTION_REFUSED: "unreachable",
  ENOTFOUND: "unreachable",
  EAI_AGAIN: "unreachable",
  EHOSTUNREACH: "unreachable",
  ENETUNREACH: "unreachable",
  TIMEOUT: "timeout",
  CONNECTION_TIMEOUT: "timeout",
  SERVER_OPT_NA: "tls_not_offered",
  ERR_SSL_WRONG_VERSION_NUMBER: "tls_not_first",
  ERR_SSL_PACKET_LENGTH_TOO_LONG: "tls_not_first",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "server_untrusted",
  UNABLE_TO_GET_ISSUER_CERT: "server_untrusted",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "server_untrusted",
  SELF_SIGNED_CERT_IN_CHAIN: "server_untrusted",
  DEPTH_ZERO_SELF_SIGNED_CERT: "server_untrusted",
  CERT_SIGNATURE_FAILURE: "server_untrusted",
  CERT_HAS_EXPIRED: "server_expired",
  ERR_TLS_CERT_ALTNAME_INVALID: "server_name",
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: "client_certificate_refused",
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: "client_certificate_refused",
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: "client_certificate_refused",
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: "client_certificate_refused",
  AUTHORIZATION_VIOLATION: "credentials_refused",
  AUTHENTICATION_EXPIRED: "credentials_expired",
  ACCOUNT_EXPIRED: "credentials_expired",
  BAD_CREDS: "credentials_damaged",
};

const FIXES: Readonly<Record<ConnectFailure, string>> = {
  unreachable: "start the server, or mend `servers`",
  no_greeting: "is it the server's port for clients, and does it want `tls.handshakeFirst`?",
  timeout: "is it the server's port for clients, and does it want `tls.handshakeFirst`?",
  tls_not_offered: "turn TLS on at the server, or leave `tls` and tls:// out",
  tls_not_first: "leave `tls.handshakeFirst` out, or set `handshake_first` at the server",
  server_untrusted: "name the CA that signed the server's certificate in `tls.ca`",
  server_expired: "renew the server's certificate",
  server_name: "name the server in `servers` as its certificate does, or issue one with this name",
  client_certificate_refused:
    "name a certificate in `tls.cert` that the server's CA has signed and that is in its time",
  credentials_refused: "mend the credentials of this connection, or what the server knows of them",
  credentials_expired: "issue new credentials; their files are read again at every attempt",
  credentials_damaged: "store the credentials anew, whole",
  no_nonce:
    "name a Choria broker with the choria security provider in `servers`, or use `tls.cert` and `tls.key` (protocol v1)",
  unknown: "mend servers, tls and credentials of this connection",
};

const HAS_SIGNED_TOKEN = "the token's issuer must be the broker's (plugin.security.issuer), and its exp ahead";
const ASKS_CERTIFICATE = "does the server ask for a client certificate (`tls.cert` and `tls.key`)?";

/** The server greeted without a nonce: a signature over nothing would prove nothing, so no token was taken. */
export class NoNonceError extends Error {
  override readonly name = "NoNonceError";

  constructor() {
    super("the server sends no nonce to sign, so it takes no such token");
  }
}

export function diagnose({ tls, credentials, servers }: ConnectionSettings, cause: unknown, nowMs: number): Diagnosis {
  const failure = failureOf(cause);
  const encrypted = tls !== null || servers.some((server) => server.startsWith("tls://"));
  const hasCertificate = (tls?.cert ?? null) !== null;
  if (failure === "credentials_refused" && credentials.type === "signedToken") {
    const { expiresAtMs } = credentials;
    if (expiresAtMs !== null && expiresAtMs <= nowMs) return known("credentials_expired");
    return { failure, fix: HAS_SIGNED_TOKEN };
  }
  // TLS 1.3 refuses a missing client certificate after the handshake; the client waits on, then times out. Choria's broker
  // lets the handshake pass, and then refuses.
  const withoutAny = credentials.type === "none" && encrypted && !hasCertificate;
  if (withoutAny && (failure === "timeout" || failure === "credentials_refused"))
    return { failure, fix: ASKS_CERTIFICATE };
  return known(failure);
}

function known(failure: ConnectFailure): Diagnosis {
  return { failure, fix: FIXES[failure] };
}

function failureOf(cause: unknown): ConnectFailure {
  if (cause instanceof NoNonceError) return "no_nonce";
  if (!(cause instanceof Error)) return "unknown";
  const codes = [codeOf(cause), cause instanceof NatsError ? codeOf(cause.chainedError) : ""];
  if (cause.name === "NKeysError") return "credentials_damaged";
  if (isHungUp(cause)) return "no_greeting";
  return codes.map((code) => FAILURES[code]).find((failure) => failure !== undefined) ?? "unknown";
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

/** The client calls a connection that the server closed in silence refused, with an error of its own in the cause. */
function isHungUp(cause: Error): boolean {
  if (!(cause instanceof NatsError) || cause.code !== "CONNECTION_REFUSED") return false;
  return cause.chainedError !== undefined && codeOf(cause.chainedError) !== "ECONNREFUSED";
}
