import { type KeyObject, sign, X509Certificate } from "node:crypto";
import { ed25519Private, v1Credential, v2Credential, vectorFile } from "../support/vectors.ts";

/** Somebody with a key, and what the credential beside the signature says they are. */
export interface Signer {
  readonly name: string;
  readonly protocol: "v1" | "v2";
  readonly credential: string;
  readonly key: KeyObject;
  /** Null where the key is not the credential's, or the credential is worth nothing: nothing of theirs is ever accepted. */
  readonly identity: string | null;
  /** What they may name as their caller in a request; null where they may make none. */
  readonly caller: string | null;
  /** The vectors have other certificates for the same key, trusted ones among them: only beside their own is it worth nothing. */
  readonly isKeyShared: boolean;
}

interface V1Signer {
  readonly isTrusted: boolean;
  readonly mayCall: boolean;
  readonly isKeyShared: boolean;
}

function v1Signer(name: string, values: Partial<V1Signer> = {}): Signer {
  const { isTrusted = true, mayCall = false, isKeyShared = false } = values;
  const { certPem, privateKey } = v1Credential(name);
  const identity = /CN=([^\n,]+)/.exec(new X509Certificate(certPem).subject)?.[1] ?? "";
  const caller = isTrusted && mayCall ? `choria=${identity}` : null;
  const who = { identity: isTrusted ? identity : null, caller, isKeyShared };
  return { name, protocol: "v1", credential: certPem, key: privateKey, ...who };
}

function v2Signer(name: string): Signer {
  const { token, privateKey } = v2Credential(name);
  const claims = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
  const caller = claims.permissions?.fleet_management === true ? claims.callerid : null;
  const who = { identity: claims.identity ?? "", caller, isKeyShared: false };
  return { name, protocol: "v2", credential: token, key: privateKey, ...who };
}

/** Those with a right to speak, and those without. */
export const SIGNERS: readonly Signer[] = [
  v1Signer("node1"),
  v1Signer("node2"),
  v1Signer("client", { mayCall: true }),
  v1Signer("client-rogue-ca", { isTrusted: false, isKeyShared: true }),
  v1Signer("client-self-signed", { isTrusted: false }),
  v2Signer("server"),
  v2Signer("server2"),
  v2Signer("client"),
  v2Signer("client-no-permission"),
  {
    ...{ name: "a thief of a token", protocol: "v2", credential: vectorFile("keys/v2-server.jwt").trim() },
    ...{ key: ed25519Private("attacker"), identity: null, caller: null, isKeyShared: false },
  },
];

/** Base64, as both protocols carry it. */
export function signatureOf(signed: Uint8Array, { protocol, key }: Signer): string {
  return sign(protocol === "v1" ? "sha256" : null, signed, key).toString("base64");
}
