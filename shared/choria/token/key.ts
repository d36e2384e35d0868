import { createPublicKey, type KeyObject } from "node:crypto";

/** An ed25519 public key, with its name in logs, claims and signed texts: lower hex. */
export interface TrustedKey {
  readonly hex: string;
  readonly key: KeyObject;
}

const HEX = /^[0-9a-fA-F]{64}$/;
/** SubjectPublicKeyInfo of an ed25519 key (RFC 8410), up to the 32 key bytes. */
const SPKI_PREFIX = Buffer.from("302a300506032b6570032100", "hex");

/** The key of 64 hex characters, either case (as Go reads them); null for anything else. */
export function ed25519Key(hex: string): TrustedKey | null {
  if (!HEX.test(hex)) return null;
  const der = Buffer.concat([SPKI_PREFIX, Buffer.from(hex, "hex")]);
  try {
    return { hex: hex.toLowerCase(), key: createPublicKey({ key: der, format: "der", type: "spki" }) };
  } catch {
    return null;
  }
}
