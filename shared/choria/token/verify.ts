import type { KeyObject } from "node:crypto";
import { errors, jwtVerify } from "jose";
import type { Validity } from "../cache.ts";
import { quoted, Refusal } from "../refusal.ts";
import { chainIssuerKey, isChained } from "./chain.ts";
import { type Claims, SERVER } from "./claims.ts";
import { ed25519Key, type TrustedKey } from "./key.ts";

/** Who a proven token's holder is and what it may do; the rest has served its purpose. */
export type HolderClaims = Pick<Claims, "purpose" | "callerId" | "identity" | "collectives" | "permissions">;

/** A token that was proven to come from a trusted issuer and is in its time. */
export interface ProvenToken extends Validity {
  readonly claims: HolderClaims;
  /** Null when the token names none, or none that is ed25519. */
  readonly holder: KeyObject | null;
  /** The configured key that all of it rests on, lower hex. */
  readonly anchor: string;
}

/** Who may issue tokens: one key per organisation unit, or a list of signers for any. */
export type TokenIssuers =
  | { readonly type: "issuers"; readonly byUnit: ReadonlyMap<string, TrustedKey> }
  | { readonly type: "signers"; readonly keys: readonly TrustedKey[] };

/** The configured keys, lower hex. */
export function anchorsOf(issuers: TokenIssuers): readonly string[] {
  const keys = issuers.type === "signers" ? issuers.keys : [...issuers.byUnit.values()];
  return keys.map(({ hex }) => hex);
}

interface UnverifiedToken {
  readonly text: string;
  readonly claims: Claims;
}

/** The part of check 13 that is about the token alone; what its holder may do is judged per message. */
export async function verifyToken(
  token: UnverifiedToken,
  issuers: TokenIssuers,
  nowMs: number,
): Promise<ProvenToken | Refusal> {
  const candidates = candidateKeys(token.claims, issuers);
  if (candidates instanceof Refusal) return candidates;
  let refusal = new Refusal("token_unknown_issuer", "no trusted signer has signed the token");
  for (const candidate of candidates) {
    const verdict = await verifyAgainst(token, candidate, nowMs);
    if (!(verdict instanceof Refusal)) return verdict;
    if (issuers.type === "issuers" || isNearer(verdict, refusal)) refusal = verdict;
  }
  return refusal;
}

/** Of several signers' refusals the one that tells most: a broken chain may only mean that another signer made it. */
function isNearer({ code }: Refusal, than: Refusal): boolean {
  if (code === "token_signature") return false;
  return code !== "token_chain_invalid" || than.code === "token_unknown_issuer";
}

function candidateKeys({ organisationUnit }: Claims, issuers: TokenIssuers): readonly TrustedKey[] | Refusal {
  if (issuers.type === "signers") return issuers.keys;
  const key = organisationUnit === null ? undefined : issuers.byUnit.get(organisationUnit);
  if (key !== undefined) return [key];
  const unit = organisationUnit === null ? "no organisation unit" : `organisation unit ${quoted(organisationUnit)}`;
  return new Refusal("token_unknown_issuer", `the token names ${unit}; no issuer is configured for it`);
}

async function verifyAgainst(
  token: UnverifiedToken,
  anchor: TrustedKey,
  nowMs: number,
): Promise<ProvenToken | Refusal> {
  const { claims, text } = token;
  // go-choria refuses these too (tokens server.go): a chain that nobody asks for proves nothing.
  if (claims.purpose === SERVER && claims.trustChain !== null && !isChained(claims)) {
    return new Refusal("token_chain_invalid", "a server token holds a trust chain, but its issuer is no chain issuer");
  }
  const signer = isChained(claims) ? chainIssuerKey(claims, anchor) : anchor;
  if (signer instanceof Refusal) return signer;
  const refusal = await jwtRefusal(text, signer, nowMs);
  return refusal ?? issuerExpiryRefusal(claims, nowMs) ?? proven(claims, anchor);
}

/** jose verifies the signature first, then the times: `exp` equal to now is expired, without leeway. */
async function jwtRefusal(text: string, signer: TrustedKey, nowMs: number): Promise<Refusal | null> {
  try {
    await jwtVerify(text, signer.key, {
      algorithms: ["EdDSA"],
      currentDate: new Date(nowMs),
      requiredClaims: ["exp"],
    });
    return null;
  } catch (error) {
    return refusalOf(error);
  }
}

function refusalOf(error: unknown): Refusal {
  if (error instanceof errors.JWSSignatureVerificationFailed) {
    return new Refusal("token_signature", "the issuer's key has not signed the token");
  }
  if (error instanceof errors.JWTExpired) return new Refusal("token_expired", "the token is past its exp");
  if (error instanceof errors.JWTClaimValidationFailed && error.claim === "exp") {
    return new Refusal("token_expired", "the token has no exp: it would never expire");
  }
  if (error instanceof errors.JWTClaimValidationFailed && error.claim === "nbf") {
    return new Refusal("token_not_yet_valid", "the token is before its nbf");
  }
  if (error instanceof errors.JOSEAlgNotAllowed) return new Refusal("token_alg", "the token's alg is not EdDSA");
  return new Refusal("token_malformed", "the token cannot be verified as a JWT");
}

function issuerExpiryRefusal(claims: Claims, nowMs: number): Refusal | null {
  const { issuerExpiresAt } = claims;
  if (!isChained(claims) || issuerExpiresAt === null || nowMs < issuerExpiresAt * 1_000) return null;
  return new Refusal("issuer_expired", "the chain issuer is past its expiry (issexp)");
}

function proven(claims: Claims, anchor: TrustedKey): ProvenToken {
  const expiries = [claims.expiresAt, claims.issuerExpiresAt].filter((expiry) => expiry !== null);
  return {
    claims,
    holder: claims.publicKey === null ? null : (ed25519Key(claims.publicKey)?.key ?? null),
    anchor: anchor.hex,
    notBeforeMs: (claims.notBefore ?? 0) * 1_000,
    expiresMs: Math.min(...expiries) * 1_000,
  };
}
