import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";

/** An ed25519 public key, with its name in logs, claims and signed texts: lower hex. */
export interface TrustedKey {
  readonly hex: string;
  readonly key: KeyObject;
}

/** 32 bytes in hex, a public key or a seed. */
export const HEX_KEY = /^[0-9a-fA-F]{64}$/;
/** PKCS#8 of an ed25519 key (RFC 8410), up to the 32 bytes of the seed. */
const PKCS8_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex");

/** The key of 64 hex characters, either case (as Go reads them); null for anything else. */
export function ed25519Key(hex: string): TrustedKey | null {
  if (!HEX_KEY.test(hex)) return null;
  try {
    return { hex: hex.toLowerCase(), key: ed25519FromBytes(Buffer.from(hex, "hex")) };
  } catch {
    return null;
  }
}

/** The key of 32 bytes. As a JWK (RFC 8037): OpenSSL 3 needs fifteen times as long for the same as SubjectPublicKeyInfo. */
export function ed25519FromBytes(bytes: Buffer): KeyObject {
  return createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: bytes.toString("base64url") }, format: "jwk" });
}

/** The private key of a seed of 32 bytes. */
export function ed25519FromSeed(seed: Buffer): KeyObject {
  return createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: "der", type: "pkcs8" });
}

/** The 32 bytes of a public key. */
export function ed25519Bytes(key: KeyObject): Buffer {
  return Buffer.from(key.export({ format: "jwk" }).x ?? "", "base64url");
}
