import { createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes } from "node:crypto";
import { join, resolve } from "node:path";
import type { V1Credential, V2Credential } from "../../shared/choria/compose.ts";
import type { CertificateIssuer } from "./certificates.ts";
import { CredentialFile } from "./credential-file.ts";
import { type FleetKeys, loadOrCreateKeys } from "./keys.ts";
import { issueServerToken, publicKeyHex } from "./tokens.ts";

/** Whom a credential comes from: the fleet's own authority, a stranger's, or the fleet's own but out of date. */
export type Standing = "trusted" | "rogue" | "expired";

/** The organisation unit of the fleet's own issuer, and of the stranger. */
export const ORGANISATION = "choria";
const ROGUE_ORGANISATION = "rogue";

const HOUR_MS = 3_600_000;
const LIFE_MS = 10 * 365 * 24 * HOUR_MS;

/** Hands out credentials of simulated nodes: the same ones in every run on the same folder. */
export interface SimulatedPki {
  /** The trusted CA's certificate: PEM text, and the file that holds it (absolute). */
  readonly caPem: string;
  readonly caFile: string;
  /** The trusted issuer's ed25519 public key, 64 hex characters. */
  readonly issuerPublicKey: string;
  v1(identity: string, standing: Standing): Promise<V1Credential>;
  v2(identity: string, standing: Standing): Promise<V2Credential>;
}

export interface PkiOptions {
  /** Created with mode 0700 when missing. */
  readonly folder: string;
  /** Collective that server tokens are issued for. */
  readonly collective: string;
  readonly now: Date;
}

/** Opens the fleet's authorities in a folder, making them first when it has none (about 1 s). */
export async function openPki(options: PkiOptions): Promise<SimulatedPki> {
  const folder = resolve(options.folder);
  const keys = await loadOrCreateKeys(folder, options.now);
  const v1 = v1Credentials(keys, folder, options.now);
  const v2 = v2Credentials(keys, folder, options);
  return {
    caPem: keys.caPem,
    caFile: join(folder, "v1-ca.pem"),
    issuerPublicKey: publicKeyHex(keys.issuerKey),
    v1: remembered(v1),
    v2: remembered(v2),
  };
}

type Issue<Credential> = (identity: string, standing: Standing) => Promise<Credential>;

/** One credential per name, even when it is asked for twice while it is being issued. */
function remembered<Credential>(issue: Issue<Credential>): Issue<Credential> {
  const issued = new Map<string, Promise<Credential>>();
  return (identity, standing) => {
    const name = `${standing}/${identity}`;
    const credential = issued.get(name) ?? issue(identity, standing);
    issued.set(name, credential);
    return credential;
  };
}

function v1Credentials(keys: FleetKeys, folder: string, now: Date): Issue<V1Credential> {
  const file = new CredentialFile(join(folder, "v1-credentials.jsonl"));
  const issuers = new Map<Standing, Promise<CertificateIssuer>>();
  let serial = now.getTime();
  return async (identity, standing) => {
    const name = `${standing}/${identity}`;
    const known = file.get(name);
    if (known !== undefined) return { certPem: known.credential, privateKey: pooled(keys, Number(known.key)) };
    serial += 1;
    const place = serial % keys.pool.length;
    const issuer = issuers.get(standing) ?? v1Issuer(keys, standing);
    issuers.set(standing, issuer);
    const key = pooled(keys, place);
    const certPem = await (await issuer).issue({ commonName: identity, serial, key, ...validity(standing, now) });
    file.add({ name, credential: certPem, key: String(place) });
    return { certPem, privateKey: key };
  };
}

const pooled = (keys: FleetKeys, place: number): KeyObject => keys.pool[place] ?? keys.pool[0];

async function v1Issuer(keys: FleetKeys, standing: Standing): Promise<CertificateIssuer> {
  const { CertificateIssuer } = await import("./certificates.ts"); // 0.2 s to load: not needed when all is on disk
  return standing === "rogue"
    ? new CertificateIssuer(keys.rogueCaPem, keys.rogueCaKey)
    : new CertificateIssuer(keys.caPem, keys.caKey);
}

function v2Credentials(keys: FleetKeys, folder: string, { collective, now }: PkiOptions): Issue<V2Credential> {
  // a token names its collectives, so each collective has its own
  const file = new CredentialFile(join(folder, `v2-credentials-${collective}.jsonl`));
  return async (identity, standing) => {
    const name = `${standing}/${identity}`;
    const known = file.get(name);
    if (known !== undefined) return { token: known.credential, privateKey: createPrivateKey(known.key) };
    const { privateKey } = generateKeyPairSync("ed25519");
    const { notBefore, notAfter } = validity(standing, now);
    const claims = {
      identity,
      collective,
      organisation: standing === "rogue" ? ROGUE_ORGANISATION : ORGANISATION,
      publicKey: publicKeyHex(privateKey),
      issuedAt: Math.floor(notBefore.getTime() / 1_000),
      expiresAt: Math.floor(notAfter.getTime() / 1_000),
    };
    const issuer = standing === "rogue" ? keys.rogueIssuerKey : keys.issuerKey;
    const token = await issueServerToken(claims, issuer, randomBytes(16));
    file.add({ name, credential: token, key: privateKey.export({ format: "pem", type: "pkcs8" }).toString() });
    return { token, privateKey };
  };
}

function validity(standing: Standing, now: Date): { notBefore: Date; notAfter: Date } {
  const from = now.getTime() - 2 * HOUR_MS;
  return { notBefore: new Date(from), notAfter: new Date(standing === "expired" ? from + HOUR_MS : from + LIFE_MS) };
}
