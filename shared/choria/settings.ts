/** Everything a verdict depends on besides the bytes and the moment. PEM text and keys, not paths: files are read at the edge. */

export interface V1TrustSettings {
  /** One or more CA certificates, PEM. The only trust anchors. */
  readonly caPem: string;
  /** One or more revocation lists, PEM; empty when none is configured. */
  readonly crlPem: string;
  /** Go on with a revocation list past its next update; otherwise it refuses what its issuer has signed. */
  readonly acceptStaleCrl: boolean;
  /** Unanchored regular expressions on the identity of a caller (go-choria's certname_whitelist). */
  readonly allow: readonly string[];
  /** Unanchored regular expressions on certificate names whose holder may name any caller. */
  readonly privileged: readonly string[];
  /** Unanchored regular expressions on identities that may register. go-choria has no such list. */
  readonly nodes: readonly string[];
  /** Accept registrations without a signature, as unproven. */
  readonly allowInsecureRegistration: boolean;
}

export interface V2TrustSettings {
  /** Organisation unit -> ed25519 public key, 64 hex characters. Wins over `trustedSigners`; exactly one of the two is set. */
  readonly issuers: Readonly<Record<string, string>> | null;
  /** ed25519 public keys, 64 hex characters each. */
  readonly trustedSigners: readonly string[] | null;
  readonly requireSignedReplies: boolean;
  /** go-choria lets a delegator (AAA signer) name any caller; by default the caller token must name the same one. */
  readonly delegatorsMayNameAnyCaller: boolean;
}

/** What is refused although it is valid. */
export interface DenySettings {
  /** Ids of tokens (`jti`), chain issuers' included. */
  readonly tokens: readonly string[];
  /** Of token holders and issuers, 64 hex characters each. */
  readonly publicKeys: readonly string[];
  /** Names of nodes, and of callers without what stands before `=`. */
  readonly identities: readonly string[];
}

export interface TrustSettings {
  readonly v1: V1TrustSettings | null;
  readonly v2: V2TrustSettings | null;
  readonly deny: DenySettings;
  readonly collectives: readonly string[];
  readonly ttl: { readonly minSeconds: number; readonly maxSeconds: number };
  readonly limits: { readonly maxBytes: number; readonly maxDepth: number };
  /** Upper bound of each cache (certificate chains, tokens), entries. */
  readonly cacheEntries: number;
}
