import { createPrivateKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { existsSync } from "node:fs";
import { link, mkdir, readFile, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import { publicKeyHex } from "./tokens.ts";

/**
 * RSA keys that all nodes share: generation takes 0.2 s each and the first message is due within seconds of the start,
 * while a certificate of its own per node is what a receiver sees.
 */
const POOL_SIZE = 6;

const keysSchema = z.strictObject({
  caPem: z.string(),
  caKey: z.string(),
  rogueCaPem: z.string(),
  rogueCaKey: z.string(),
  pool: z.array(z.string()).min(1),
  issuerKey: z.string(),
  rogueIssuerKey: z.string(),
});
type StoredKeys = z.output<typeof keysSchema>;

/** What every credential of a simulated fleet descends from. */
export interface FleetKeys {
  readonly caPem: string;
  readonly caKey: KeyObject;
  readonly rogueCaPem: string;
  readonly rogueCaKey: KeyObject;
  /** RSA keys shared by the v1 certificates. */
  readonly pool: readonly [KeyObject, ...KeyObject[]];
  readonly issuerKey: KeyObject;
  readonly rogueIssuerKey: KeyObject;
}

const pem = (key: KeyObject): string => key.export({ format: "pem", type: "pkcs8" }).toString();

async function generateKeys(now: Date): Promise<StoredKeys> {
  const { generateRsaKey, issueCa } = await import("./certificates.ts"); // 0.2 s to load: only where one is issued
  const [caKey, rogueCaKey, ...pool] = await Promise.all([
    generateRsaKey(),
    generateRsaKey(),
    ...Array.from({ length: POOL_SIZE }, generateRsaKey),
  ]);
  return {
    caPem: await issueCa("Simulated Fleet CA", caKey, now),
    caKey: pem(caKey),
    rogueCaPem: await issueCa("Rogue CA", rogueCaKey, now),
    rogueCaKey: pem(rogueCaKey),
    pool: pool.map(pem),
    issuerKey: pem(generateKeyPairSync("ed25519").privateKey),
    rogueIssuerKey: pem(generateKeyPairSync("ed25519").privateKey),
  };
}

function parseKeys(text: string, file: string): FleetKeys {
  try {
    const stored = keysSchema.parse(JSON.parse(text));
    const [first, ...others] = stored.pool.map((key) => createPrivateKey(key));
    if (first === undefined) throw new Error("the pool of RSA keys is empty");
    return {
      caPem: stored.caPem,
      caKey: createPrivateKey(stored.caKey),
      rogueCaPem: stored.rogueCaPem,
      rogueCaKey: createPrivateKey(stored.rogueCaKey),
      pool: [first, ...others],
      issuerKey: createPrivateKey(stored.issuerKey),
      rogueIssuerKey: createPrivateKey(stored.rogueIssuerKey),
    };
  } catch (cause) {
    throw new Error(`${file} does not hold a simulated fleet's keys; delete its folder to make new ones`, { cause });
  }
}

/** The keys in `folder` (made private, 0700), generated there when it holds none. Throws when they are unreadable. */
export async function loadOrCreateKeys(folder: string, now: Date): Promise<FleetKeys> {
  const file = join(folder, "keys.json");
  await mkdir(folder, { recursive: true, mode: 0o700 });
  if (!existsSync(file)) await createKeys(file, now);
  const keys = parseKeys(await readFile(file, "utf8"), file);
  await writeFile(join(folder, "v1-ca.pem"), keys.caPem);
  await writeFile(join(folder, "v2-issuer.public"), `${publicKeyHex(keys.issuerKey)}\n`);
  return keys;
}

async function createKeys(file: string, now: Date): Promise<void> {
  const draft = `${file}.${process.pid}`;
  await writeFile(draft, JSON.stringify(await generateKeys(now), null, 1), { mode: 0o600 });
  try {
    // a link appears whole or not at all, and the first of two processes that start together wins
    await link(draft, file);
  } catch (error) {
    if (!existsSync(file)) throw error;
  } finally {
    await unlink(draft);
  }
}
