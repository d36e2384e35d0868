import { type KeyObject, verify } from "node:crypto";
import type { Protocol } from "../message.ts";
import { quoted, Refusal } from "../refusal.ts";
import type { Trust } from "../trust.ts";
import { decodeBase64 } from "../wire/base64.ts";
import type { Inner } from "../wire/inner.ts";
import { ageRefusal, ttlRefusal } from "./age.ts";

/** Check 8, over all layers: Go and JavaScript would read different values from such documents. */
export function ambiguityRefusal(...layers: readonly { readonly ambiguousKey: string | null }[]): Refusal | null {
  const layer = layers.find(({ ambiguousKey }) => ambiguousKey !== null);
  if (layer?.ambiguousKey == null) return null;
  return new Refusal("ambiguous_key", `key ${quoted(layer.ambiguousKey)} is repeated or spelled in other letters`);
}

/** The configured half of check 14's collective. */
export function collectiveRefusal(collective: string, allowed: ReadonlySet<string>): Refusal | null {
  if (allowed.has(collective)) return null;
  return new Refusal("collective_not_allowed", `collective ${quoted(collective)} is not configured`);
}

/** Check 16. */
export function timeRefusal(inner: Inner, protocol: Protocol, moment: Moment): Refusal | null {
  return ttlRefusal(inner.ttlSeconds, protocol, moment.ttl) ?? ageRefusal(inner.timeNs, inner.ttlSeconds, moment.nowMs);
}

export interface Moment {
  readonly nowMs: number;
  readonly ttl: Trust["ttl"];
}

export interface SignatureScheme {
  /** For `crypto.verify`; null for ed25519, which has its own. */
  readonly digest: "sha256" | null;
  /** Null where the key decides. */
  readonly signatureBytes: number | null;
}

/** v1: RSASSA-PKCS1-v1_5 with SHA-256. */
export const RSA_SHA256: SignatureScheme = { digest: "sha256", signatureBytes: null };
/** v2: pure ed25519. */
export const ED25519: SignatureScheme = { digest: null, signatureBytes: 64 };

export interface SignedText {
  readonly signed: Uint8Array;
  /** Base64. */
  readonly signature: string;
}

/** The signature half of check 15. */
export async function signatureRefusal(
  { signed, signature }: SignedText,
  key: KeyObject,
  scheme: SignatureScheme,
): Promise<Refusal | null> {
  const bytes = decodeBase64(signature);
  if (bytes === null || (scheme.signatureBytes !== null && bytes.length !== scheme.signatureBytes)) {
    return new Refusal("bad_signature_encoding", "the signature is not canonical base64 of the right length");
  }
  const isGenuine = await verifyAsync(scheme.digest, signed, { key, signature: bytes });
  return isGenuine ? null : new Refusal("signature_invalid", "the signature does not fit the message and the key");
}

interface KeyAndSignature {
  readonly key: KeyObject;
  readonly signature: Uint8Array;
}

/** With a callback the work is done on libuv's threads, beside the parsing of other messages. */
function verifyAsync(digest: string | null, data: Uint8Array, { key, signature }: KeyAndSignature): Promise<boolean> {
  return new Promise((resolve) => {
    verify(digest, data, key, signature, (error, isGenuine) => resolve(error === null && isGenuine));
  });
}
