import { verify } from "node:crypto";
import { Refusal } from "../refusal.ts";
import type { Claims } from "./claims.ts";
import { ed25519Key, type TrustedKey } from "./key.ts";

/**
 * Tokens issued by a chain issuer of an organisation, such as a login service (choria-io/tokens standard.go,
 * IsSignedByIssuer). `iss` is `C-<issuer's jti>.<issuer's key>`, `tcs` is `<organisation's signature>.<issuer's>`.
 */
const CHAINED_PREFIX = "C-";
const KSUID = /^[0-9A-Za-z]{27}$/;
const KSUID_EPOCH_SECONDS = 1_400_000_000;
const BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/** 64 bytes, in hex. */
export const SIGNATURE_HEX = /^[0-9a-fA-F]{128}$/;

export function isChained(claims: Claims): boolean {
  return claims.issuer.startsWith(CHAINED_PREFIX);
}

/** Who issued a chained token, by its `iss`: the id of the issuer's own token, and its key in lower hex. Null for others. */
export function chainIssuer(issuer: string): { readonly id: string; readonly hex: string } | null {
  if (!issuer.startsWith(CHAINED_PREFIX)) return null;
  const [id, hex, ...more] = issuer.slice(CHAINED_PREFIX.length).split(".");
  return !id || !hex || more.length > 0 ? null : { id, hex: hex.toLowerCase() };
}

interface ChainParts {
  readonly issuerId: string;
  readonly issuerKey: TrustedKey;
  readonly organisationSignature: string;
  readonly issuerSignature: string;
  readonly tokenId: string;
}

/** The chain issuer's key, proven to be the organisation's choice for exactly this token. The JWT itself comes after. */
export function chainIssuerKey(claims: Claims, organisation: TrustedKey): TrustedKey | Refusal {
  const parts = chainParts(claims);
  if (typeof parts === "string") return invalid(parts);
  const { issuerId, issuerKey, organisationSignature, issuerSignature, tokenId } = parts;
  if (!isSigned(`${issuerId}.${issuerKey.hex}`, organisationSignature, organisation)) {
    return invalid("the organisation has not signed this chain issuer");
  }
  if (!isSigned(`${tokenId}.${organisationSignature}`, issuerSignature, issuerKey)) {
    return invalid("the chain issuer has not signed this token's id");
  }
  return issuerKey;
}

function chainParts(claims: Claims): ChainParts | string {
  const { id, issuedAt, trustChain } = claims;
  if (id === null || issuedAt === null || trustChain === null) return "jti, iat or tcs is missing";
  if (claims.publicKey === null || claims.expiresAt === null) return "public_key or exp is missing";
  if (claims.issuerExpiresAt === null) return "issexp is missing";
  if (ksuidSeconds(id) !== Math.floor(issuedAt)) return "jti is no ksuid of the second in iat";
  const issuer = chainIssuer(claims.issuer);
  const [organisationSignature, issuerSignature, ...moreChain] = trustChain.split(".");
  if (issuer === null) return "iss is not C-<id>.<key>";
  if (!organisationSignature || !issuerSignature || moreChain.length > 0) return "tcs is not <signature>.<signature>";
  const issuerKey = ed25519Key(issuer.hex);
  if (issuerKey === null) return "iss holds no ed25519 key";
  return { issuerId: issuer.id, issuerKey, organisationSignature, issuerSignature, tokenId: id };
}

function isSigned(text: string, signatureHex: string, by: TrustedKey): boolean {
  if (!SIGNATURE_HEX.test(signatureHex)) return false;
  return verify(null, Buffer.from(text), by.key, Buffer.from(signatureHex, "hex"));
}

/** The second a ksuid was made in: its first 32 bits count from May 2014. Null when it is none. */
function ksuidSeconds(id: string): number | null {
  if (!KSUID.test(id)) return null;
  const value = [...id].reduce((sum, digit) => sum * 62n + BigInt(BASE62.indexOf(digit)), 0n);
  return value < 2n ** 160n ? Number(value >> 128n) + KSUID_EPOCH_SECONDS : null;
}

function invalid(detail: string): Refusal {
  return new Refusal("token_chain_invalid", `the token's trust chain does not hold: ${detail}`);
}
