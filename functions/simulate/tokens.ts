import { createPublicKey, type KeyObject } from "node:crypto";
import { SignJWT } from "jose";
import { ksuid } from "../../shared/choria/ids.ts";

/** The ed25519 public key of a key pair, 64 hex characters: the form tokens and trust settings use. */
export function publicKeyHex(key: KeyObject): string {
  const { x } = createPublicKey(key).export({ format: "jwk" });
  return Buffer.from(x ?? "", "base64url").toString("hex");
}

export interface ServerToken {
  readonly identity: string;
  readonly collective: string;
  /** Organisation unit: picks the issuer that must have signed. */
  readonly organisation: string;
  readonly publicKey: string;
  /** Seconds since 1970. */
  readonly issuedAt: number;
  /** Seconds since 1970. */
  readonly expiresAt: number;
}

/** A server token with the claims, in the order, that `choria jwt server` writes. `random` is 16 bytes. */
export function issueServerToken(token: ServerToken, issuer: KeyObject, random: Uint8Array): Promise<string> {
  return new SignJWT({
    identity: token.identity,
    collectives: [token.collective],
    permissions: { submission: true, streams: true },
    ou: token.organisation,
    purpose: "choria_server",
    public_key: token.publicKey,
    iss: "Choria Tokens Package",
    exp: token.expiresAt,
    nbf: token.issuedAt,
    iat: token.issuedAt,
    jti: ksuid(token.issuedAt, random),
  })
    .setProtectedHeader({ alg: "EdDSA", typ: "JWT" })
    .sign(issuer);
}
