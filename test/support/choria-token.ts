import { createPublicKey, sign } from "node:crypto";
import { seedKey } from "./vectors.ts";

export interface TokenFiles {
  readonly token: string;
  /** 64 hex characters. */
  readonly seed: string;
}

/** A client token with its seed, as `choria jwt client` and `choria jwt keys` make them; signed by its own key. */
export function makeClientToken(claims: Readonly<Record<string, unknown>> = {}, seed = "ab".repeat(32)): TokenFiles {
  const key = seedKey(seed);
  const publicKey = createPublicKey(key).export({ format: "der", type: "spki" }).subarray(-32).toString("hex");
  const body = {
    purpose: "choria_client_id",
    callerid: "choria=bridge",
    public_key: publicKey,
    ou: "choria",
    ...claims,
  };
  const text = [{ alg: "EdDSA", typ: "JWT" }, body].map((part) => base64url(JSON.stringify(part))).join(".");
  return { token: `${text}.${sign(null, Buffer.from(text), key).toString("base64url")}`, seed };
}

function base64url(text: string): string {
  return Buffer.from(text).toString("base64url");
}
