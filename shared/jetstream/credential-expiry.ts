import { Buffer } from "node:buffer";
import { X509Certificate } from "node:crypto";
import type { ConnectionSecrets } from "./spec.ts";

/** Something a connection proves itself with, and when it ends. */
export interface CredentialExpiry {
  /** `client certificate "CN=bridge"`, without any secret. */
  readonly what: string;
  /** Milliseconds since 1970; null where it does not say. */
  readonly startsAtMs: number | null;
  /** Milliseconds since 1970; null: never. */
  readonly endsAtMs: number | null;
}

/** A month's notice of a long life would be no news for a token of an hour. */
const WARN_SHARE = 0.1;
const WARN_AT_MOST_MS = 14 * 86_400_000;

/** When what a client shows the server ends: its certificate (the first of the file), its token or JWT. */
export function credentialExpiries({ tls, credentials }: ConnectionSecrets): readonly CredentialExpiry[] {
  const [client] = certificatesOf(tls?.cert ?? "");
  return [...(client === undefined ? [] : [certificateExpiry(client)]), ...tokenExpiries(credentials)];
}

/** The one that ends first; null when none does. */
export function firstExpiry(secrets: ConnectionSecrets): (CredentialExpiry & { readonly endsAtMs: number }) | null {
  let first: (CredentialExpiry & { readonly endsAtMs: number }) | null = null;
  for (const { endsAtMs, ...rest } of credentialExpiries(secrets)) {
    if (endsAtMs !== null && (first === null || endsAtMs < first.endsAtMs)) first = { ...rest, endsAtMs };
  }
  return first;
}

/** `soon`: the last tenth of its time has begun, or the last 14 days of a long one. */
export function expiryState({ startsAtMs, endsAtMs }: CredentialExpiry, nowMs: number): "valid" | "soon" | "expired" {
  if (endsAtMs === null) return "valid";
  if (endsAtMs <= nowMs) return "expired";
  const lifetimeMs = startsAtMs === null ? Number.POSITIVE_INFINITY : endsAtMs - startsAtMs;
  return endsAtMs - nowMs <= Math.min(WARN_AT_MOST_MS, lifetimeMs * WARN_SHARE) ? "soon" : "valid";
}

function tokenExpiries(credentials: ConnectionSecrets["credentials"]): readonly CredentialExpiry[] {
  if (credentials.type === "signedToken") {
    const { holder, issuedAtMs, expiresAtMs } = credentials;
    return [{ what: `token of ${holder}`, startsAtMs: issuedAtMs, endsAtMs: expiresAtMs }];
  }
  const times = credentials.type === "creds" ? userJwtTimes(credentials.creds) : null;
  return times === null ? [] : [{ what: "user JWT in credsFile", ...times }];
}

function certificateExpiry(certificate: X509Certificate): CredentialExpiry {
  const what = `client certificate "${certificate.subject.replaceAll("\n", ", ")}"`;
  return { what, startsAtMs: Date.parse(certificate.validFrom), endsAtMs: Date.parse(certificate.validTo) };
}

/** The configuration was checked: every block parses. */
export function certificatesOf(pem: string): readonly X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => new X509Certificate(block));
}

/** Of a NATS credentials file; null when its JWT cannot be read. */
export function userJwtTimes(creds: string): Pick<CredentialExpiry, "startsAtMs" | "endsAtMs"> | null {
  const jwt = /-----BEGIN NATS USER JWT-----\s*([\w-]+\.[\w-]+\.[\w-]+)/.exec(creds)?.[1];
  try {
    const claims: unknown = JSON.parse(Buffer.from(jwt?.split(".")[1] ?? "", "base64url").toString("utf8"));
    return { startsAtMs: timeClaim(claims, "iat"), endsAtMs: timeClaim(claims, "exp") };
  } catch {
    return null;
  }
}

/** NATS writes 0 where there is no end. */
function timeClaim(claims: unknown, name: string): number | null {
  if (typeof claims !== "object" || claims === null || !Object.hasOwn(claims, name)) return null;
  const seconds: unknown = Reflect.get(claims, name);
  return typeof seconds === "number" && seconds > 0 ? seconds * 1_000 : null;
}
