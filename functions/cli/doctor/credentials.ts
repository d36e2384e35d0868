import type { X509Certificate } from "node:crypto";
import type { Trust } from "../../../shared/choria/trust.ts";
import { certificatesOf, credentialExpiries } from "../../../shared/jetstream/credential-expiry.ts";
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

/** The doctor's notice is the same for all: whoever asks wants to know of a token of an hour, too. */
function connectionExpiries(settings: ConnectionSettings): readonly Expiring[] {
  const about = `connection ${settings.name}`;
  const own = credentialExpiries(settings).map(({ what, endsAtMs }) => ({
    ...{ about, what: safeText(what), endsAtMs, hasSubstitute: false },
    todo: `issue ${what.startsWith("client certificate") ? "a new one" : "new credentials"} and store it: the server refuses what has expired, and the file is read again at every reconnect`,
  }));
  const authorities = certificatesOf(settings.tls?.ca ?? "").map((certificate) => authorityExpiry(about, certificate));
  return [...own, ...authorities];
}

function authorityExpiry(about: string, certificate: X509Certificate): Expiring {
  const subject = safeText(certificate.subject.replaceAll("\n", ", "));
  const todo = "put the CA's new certificate into the `ca` file";
  const endsAtMs = Date.parse(certificate.validTo);
  return { about, what: `CA certificate "${subject}"`, endsAtMs, todo, hasSubstitute: false };
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
