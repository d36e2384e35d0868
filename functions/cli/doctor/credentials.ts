import { Buffer } from "node:buffer";
import { X509Certificate } from "node:crypto";
import type { Trust } from "../../../shared/choria/trust.ts";
import type { ConnectionSettings } from "../../../shared/jetstream/spec.ts";
import { safeText, spanText } from "../text.ts";
import { fail, type Line, ok, warn } from "./line.ts";

/** Something that is valid until a time; null: without end. */
interface Expiring {
  readonly about: string;
  readonly what: string;
  readonly endsAtMs: number | null;
  /** What an end means, and what to do. */
  readonly todo: string;
  /** Another one of its kind may do instead. */
  readonly hasSubstitute: boolean;
}

const SOON_MS = 14 * 86_400_000;

/** When credentials of the connections and of the trust in messages end. Nothing of a secret is in the lines. */
export function credentialLines(
  connections: Readonly<Record<string, ConnectionSettings>>,
  trust: Trust,
  nowMs: number,
): readonly Line[] {
  const all = [...Object.values(connections).flatMap(connectionExpiries), ...trustExpiries(trust)];
  return withSubstitutes(all, nowMs).map((expiring) => expiryLine(expiring, nowMs));
}

function connectionExpiries({ name, tls, credentials }: ConnectionSettings): readonly Expiring[] {
  const about = `connection ${name}`;
  const client = certificatesOf(tls?.cert ?? "").slice(0, 1); // the rest are intermediates, the server's business
  const jwtEnd = credentials.type === "creds" ? jwtExpiry(credentials.creds) : undefined;
  return [
    ...client.map((certificate) =>
      certificateExpiry(about, "client certificate", certificate, "issue a new one and restart; the server refuses it"),
    ),
    ...certificatesOf(tls?.ca ?? "").map((certificate) =>
      certificateExpiry(about, "CA certificate", certificate, "put the CA's new certificate into the `ca` file"),
    ),
    ...(jwtEnd === undefined
      ? []
      : [
          {
            ...{ about, what: "user JWT in credsFile", endsAtMs: jwtEnd, hasSubstitute: false },
            todo: "issue new credentials (nsc) and restart: the server refuses them",
          },
        ]),
  ];
}

function certificateExpiry(about: string, kind: string, certificate: X509Certificate, todo: string): Expiring {
  const subject = safeText(certificate.subject.replaceAll("\n", ", "));
  const endsAtMs = Date.parse(certificate.validTo);
  return { about, what: `${kind} "${subject}"`, endsAtMs, todo, hasSubstitute: false };
}

function trustExpiries({ v1 }: Trust): readonly Expiring[] {
  if (v1 === null) return [];
  const { certificates, revocationLists } = v1.anchors;
  const about = "trust.v1";
  return [
    ...[...certificates.values()].map(({ subject, notAfterMs }) => ({
      ...{ about, what: `CA certificate "${safeText(subject)}"`, endsAtMs: notAfterMs, hasSubstitute: false },
      todo: "put the CA's new certificate into `ca`: what it has signed is refused",
    })),
    ...revocationLists.map(({ issuer, nextUpdateMs }) => ({
      ...{ about, what: `revocation list of "${safeText(issuer)}"`, hasSubstitute: false },
      endsAtMs: Number.isFinite(nextUpdateMs) ? nextUpdateMs : null,
      todo: "fetch a new list into `crl`: messages with certificates of that issuer are refused",
    })),
  ];
}

/** Of several CAs some may have ended: while another of the bundle is valid, that stops not everything. */
function withSubstitutes(all: readonly Expiring[], nowMs: number): readonly Expiring[] {
  const isCa = ({ what }: Expiring): boolean => what.startsWith("CA certificate");
  return all.map((one) => ({
    ...one,
    hasSubstitute:
      isCa(one) && all.some((other) => isCa(other) && other.about === one.about && !hasEnded(other, nowMs)),
  }));
}

function hasEnded({ endsAtMs }: Expiring, nowMs: number): boolean {
  return endsAtMs !== null && endsAtMs <= nowMs;
}

function expiryLine(expiring: Expiring, nowMs: number): Line {
  const { about, what, endsAtMs, todo, hasSubstitute } = expiring;
  if (endsAtMs === null) return ok(about, `${what} has no end`);
  const date = new Date(endsAtMs).toISOString();
  if (hasEnded(expiring, nowMs)) {
    const text = `${what} expired ${spanText(nowMs - endsAtMs)} ago (${date})`;
    return hasSubstitute ? warn(about, text, todo) : fail(about, text, todo);
  }
  const text = `${what} is valid for ${spanText(endsAtMs - nowMs)} (${date})`;
  return endsAtMs - nowMs < SOON_MS ? warn(about, text, todo) : ok(about, text);
}

/** The configuration was checked: every block parses. */
function certificatesOf(pem: string): readonly X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => new X509Certificate(block));
}

/** Milliseconds since 1970; null when it has no end, undefined when it cannot be read. */
export function jwtExpiry(creds: string): number | null | undefined {
  const jwt = /-----BEGIN NATS USER JWT-----\s*([\w-]+\.[\w-]+\.[\w-]+)/.exec(creds)?.[1];
  try {
    const claims: unknown = JSON.parse(Buffer.from(jwt?.split(".")[1] ?? "", "base64url").toString("utf8"));
    const exp = typeof claims === "object" && claims !== null && "exp" in claims ? claims.exp : 0;
    return typeof exp === "number" && exp > 0 ? exp * 1_000 : null;
  } catch {
    return undefined;
  }
}
