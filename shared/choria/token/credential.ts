import type { KeyObject } from "node:crypto";
import { type CredentialCache, digested } from "../cache.ts";
import { quoted, Refusal } from "../refusal.ts";
import { type DenyList, tokenDenial } from "../rules/deny.ts";
import { CLIENT, readClaims, SERVER } from "./claims.ts";
import { type HolderClaims, type ProvenToken, type TokenIssuers, verifyToken } from "./verify.ts";

/** Whose claims a message is held to, and the key its signature must fit (a delegator's where one signed). */
export interface CallerCredential {
  readonly claims: HolderClaims;
  readonly key: KeyObject;
}

export interface TokenContext {
  readonly v2: { readonly issuers: TokenIssuers; readonly proven: CredentialCache<ProvenToken> };
  readonly trust: { readonly limits: { readonly maxDepth: number }; readonly deny: DenyList };
  readonly nowMs: number;
}

const FLEET_MANAGEMENT = "fleet_management";
const SIGNED_FLEET_MANAGEMENT = "signed_fleet_management";
const DELEGATOR = "authentication_delegator";

/** Check 13 for what a server signs: registrations and replies. */
export async function proveServer(token: string, context: TokenContext): Promise<CallerCredential | Refusal> {
  const proven = await proveToken(token, SERVER, context);
  if (proven instanceof Refusal) return proven;
  return credentialOf(proven, proven);
}

/** Check 13 for requests (go-choria choria_security.go); `signer` is empty unless a delegator signed. */
export async function proveClient(
  token: string,
  signer: string,
  context: TokenContext,
): Promise<CallerCredential | Refusal> {
  const caller = await proveToken(token, CLIENT, context);
  if (caller instanceof Refusal) return caller;
  return signer === "" ? ownCredential(caller) : delegatedCredential(caller, signer, context);
}

function ownCredential(caller: ProvenToken): CallerCredential | Refusal {
  const { permissions } = caller.claims;
  const credential = credentialOf(caller, caller);
  if (credential instanceof Refusal) return credential;
  if (permissions.has(SIGNED_FLEET_MANAGEMENT)) {
    return new Refusal("delegation_required", "the caller's requests must be signed by a delegator");
  }
  return permissions.has(FLEET_MANAGEMENT) ? credential : permissionRefusal("caller", FLEET_MANAGEMENT);
}

async function delegatedCredential(
  caller: ProvenToken,
  signerToken: string,
  context: TokenContext,
): Promise<CallerCredential | Refusal> {
  const signer = await proveToken(signerToken, CLIENT, context);
  if (signer instanceof Refusal) return signer;
  if (signer.anchor !== caller.anchor) {
    return new Refusal("token_unknown_issuer", "caller and delegator do not rest on the same issuer");
  }
  const credential = credentialOf(caller, signer);
  if (credential instanceof Refusal) return credential;
  const { permissions } = caller.claims;
  if (!signer.claims.permissions.has(DELEGATOR)) return permissionRefusal("delegator", DELEGATOR);
  const mayCall = permissions.has(FLEET_MANAGEMENT) || permissions.has(SIGNED_FLEET_MANAGEMENT);
  return mayCall ? credential : permissionRefusal("caller", FLEET_MANAGEMENT);
}

function permissionRefusal(role: string, permission: string): Refusal {
  return new Refusal("token_permission", `the ${role}'s token lacks the permission ${permission}`);
}

function credentialOf({ claims }: ProvenToken, { holder }: ProvenToken): CallerCredential | Refusal {
  if (holder !== null) return { claims, key: holder };
  return new Refusal("token_no_public_key", "the token names no ed25519 public key of its holder");
}

function purposeRefusal(claims: HolderClaims, purpose: string): Refusal | null {
  if (claims.purpose === purpose) return null;
  return new Refusal("token_purpose", `the token's purpose is ${quoted(claims.purpose)}, needed is "${purpose}"`);
}

/** Verification is remembered per token text; its purpose is judged per message, and before any signature. */
async function proveToken(text: string, purpose: string, context: TokenContext): Promise<ProvenToken | Refusal> {
  const { v2, nowMs, trust } = context;
  const credential = digested(text);
  const known = v2.proven.get(credential, nowMs);
  if (known !== undefined) return purposeRefusal(known.claims, purpose) ?? known;
  const claims = readClaims(text, trust.limits.maxDepth);
  if (claims instanceof Refusal) return claims;
  const refusal = purposeRefusal(claims, purpose);
  if (refusal !== null) return refusal;
  const proven = await verifyToken({ text, claims }, v2.issuers, nowMs);
  if (proven instanceof Refusal) return proven;
  // Here and not per message: what is denied is never remembered, and another deny list starts with an empty memory.
  const denial = tokenDenial(claims, proven.anchor, trust.deny);
  if (denial !== null) return denial;
  v2.proven.set(credential, proven);
  return proven;
}
