import { createPrivateKey, type KeyObject } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import type { RequestFields, V1Credential, V2Credential } from "../../shared/choria/compose.ts";
import { type Vector, vectorSchema } from "../../shared/choria/conformance.ts";
import { NOBODY } from "../../shared/choria/rules/deny.ts";
import type { TrustSettings, V1TrustSettings, V2TrustSettings } from "../../shared/choria/settings.ts";

const FOLDER = new URL("../fixtures/vectors/", import.meta.url);
const ED25519_PKCS8 = Buffer.from("302e020100300506032b657004220420", "hex");

/** When the vectors' messages are alive. */
export const VECTOR_NOW_MS = Date.parse("2026-06-01T12:00:00Z");

export function vectorFile(path: string): string {
  return readFileSync(new URL(path, FOLDER), "utf8");
}

export function readVectors(): readonly (Vector & { readonly go_verdict: { readonly adapter_output?: unknown } })[] {
  const names = readdirSync(FOLDER).filter((name) => name.endsWith(".json"));
  return names.map((name) => {
    const json = JSON.parse(vectorFile(name));
    return { ...vectorSchema.parse(json), go_verdict: json.go_verdict };
  });
}

export function vectorBytes(name: string): Buffer {
  return Buffer.from(JSON.parse(vectorFile(`${name}.json`)).raw, "base64");
}

export function v1Credential(name: string): V1Credential {
  const privateKey = createPrivateKey(vectorFile(`keys/v1-${name}.key.pem`));
  return { certPem: vectorFile(`keys/v1-${name}.pem`), privateKey };
}

export function v2Credential(name: string): V2Credential {
  return { token: vectorFile(`keys/v2-${name}.jwt`).trim(), privateKey: ed25519Private(name) };
}

export function ed25519Private(name: string): KeyObject {
  return seedKey(vectorFile(`keys/v2-${name}.key`));
}

/** The private key of a seed in hex, with or without the public key behind it. Not the project's own reader, which it tests. */
export function seedKey(hex: string): KeyObject {
  const seed = Buffer.from(hex.trim(), "hex").subarray(0, 32);
  return createPrivateKey({ key: Buffer.concat([ED25519_PKCS8, seed]), format: "der", type: "pkcs8" });
}

/** A request of `choria=rip.mcollective` to agent rpcutil, made at VECTOR_NOW_MS. */
export function makeFields(changes: Partial<RequestFields> = {}): RequestFields {
  return {
    requestId: "0123456789abcdef0123456789abcdef",
    sender: "shell.example.net",
    caller: "choria=rip.mcollective",
    collective: "mcollective",
    agent: "rpcutil",
    ttlSeconds: 60,
    timeNs: BigInt(VECTOR_NOW_MS) * 1_000_000n,
    payload: "{}",
    replyTo: "dev.null",
    server: null,
    ...changes,
  };
}

/** Trust in the vectors' CA and organisation, both protocols enabled. */
export function makeTrustSettings(changes: TrustChanges = {}): TrustSettings {
  const { v1, v2, ...rest } = changes;
  return {
    v1: {
      caPem: vectorFile("keys/v1-ca.pem"),
      crlPem: "",
      acceptStaleCrl: false,
      allow: ["\\.mcollective$", "\\.choria$"],
      privileged: ["\\.privileged.mcollective$", "\\.privileged.choria$"],
      nodes: ["^[a-z0-9.-]+\\.example\\.net$"],
      allowInsecureRegistration: false,
      ...v1,
    },
    v2: {
      issuers: { choria: vectorFile("keys/v2-org.pub").trim() },
      trustedSigners: null,
      requireSignedReplies: true,
      delegatorsMayNameAnyCaller: false,
      ...v2,
    },
    deny: NOBODY,
    collectives: ["mcollective"],
    ttl: { minSeconds: 1, maxSeconds: 3_600 },
    limits: { maxBytes: 1_048_576, maxDepth: 32 },
    cacheEntries: 100,
    ...rest,
  };
}

interface TrustChanges extends Partial<Omit<TrustSettings, "v1" | "v2">> {
  readonly v1?: Partial<V1TrustSettings>;
  readonly v2?: Partial<V2TrustSettings>;
}
