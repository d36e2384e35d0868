import { quoted, Refusal } from "../refusal.ts";
import type { DenySettings } from "../settings.ts";
import { chainIssuer } from "../token/chain.ts";
import type { Claims } from "../token/claims.ts";

/** What is refused although it is valid: the only way to end a v2 token before its expiry. */
export interface DenyList {
  readonly tokens: ReadonlySet<string>;
  /** Lower hex. */
  readonly publicKeys: ReadonlySet<string>;
  /** As written: go-choria compares identities with certificate names, claims and callers by every letter's case. */
  readonly identities: ReadonlySet<string>;
}

export const NOBODY: DenySettings = { tokens: [], publicKeys: [], identities: [] };

export function denyList({ tokens, publicKeys, identities }: DenySettings): DenyList {
  return {
    tokens: new Set(tokens),
    publicKeys: new Set(publicKeys.map((hex) => hex.toLowerCase())),
    identities: new Set(identities),
  };
}

/**
 * Whether a name that the message or its credential holds is denied. A name that nobody has proven counts too: to lie with
 * a denied name must not be a way in.
 */
export function nameDenial(names: readonly string[], { identities }: DenyList): Refusal | null {
  if (identities.size === 0) return null;
  const denied = names.find((name) => identities.has(name));
  return denied === undefined ? null : new Refusal("denied", `identity ${quoted(denied)} is on the deny list`);
}

/** The name in a caller: what stands after `=`, all of it where there is none (v2 registrations). */
export function nameOfCaller(caller: string): string {
  return caller.slice(caller.indexOf("=") + 1);
}

/** Whether a proven token is denied: by its id or names, or by a key that it names or rests on. */
export function tokenDenial(claims: Claims, anchorHex: string, deny: DenyList): Refusal | null {
  const issuer = chainIssuer(claims.issuer);
  const id = [claims.id, issuer?.id].find((one) => one !== undefined && one !== null && deny.tokens.has(one));
  if (id !== undefined && id !== null) {
    const whose = id === claims.id ? "token" : "chain issuer's token";
    return new Refusal("denied", `the ${whose} ${quoted(id)} is on the deny list`);
  }
  const keys: readonly (readonly [whose: string, hex: string | undefined])[] = [
    ["token holder", claims.publicKey?.toLowerCase()],
    ["chain issuer", issuer?.hex],
    ["issuer", anchorHex],
  ];
  const key = keys.find(([, hex]) => hex !== undefined && deny.publicKeys.has(hex));
  if (key !== undefined) return new Refusal("denied", `the public key of the ${key[0]} is on the deny list`);
  return nameDenial([claims.identity ?? "", nameOfCaller(claims.callerId ?? "")], deny);
}
