import { createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { type CompactForm, CredentialCache, digested, type Validity } from "../../shared/choria/cache.ts";
import { SERVER } from "../../shared/choria/token/claims.ts";
import { tokenForm } from "../../shared/choria/token/compact.ts";
import { certificateForm } from "../../shared/choria/x509/compact.ts";
import { COLLECTIVE } from "../load.ts";
import { fleetIdentity } from "./fleet-load.ts";

/**
 * What a remembered credential takes: `node --expose-gc entry-size.js v1|v2` fills a cache with a fleet and prints the bytes
 * of each, heap and array buffers, as JSON.
 */

const ENTRIES = 300_000;
const CAPACITY = 400_000;
const KEPT_KEYS = 1_024;
const IN_FORCE = { notBeforeMs: Date.UTC(2026, 0), expiresMs: Date.UTC(2036, 0) };

interface Remembered<T> {
  readonly text: string;
  readonly entry: T;
}

function fill<T extends Validity>(form: CompactForm<T>, remembered: (number: number) => Remembered<T>): number {
  const before = usedBytes();
  const cache = new CredentialCache(CAPACITY, form);
  for (let number = 0; number < ENTRIES; number += 1) {
    const { text, entry } = remembered(number);
    cache.set(digested(text), entry);
  }
  const bytes = (usedBytes() - before) / cache.size;
  if (cache.size !== ENTRIES) throw new Error("nothing was remembered");
  return bytes;
}

function usedBytes(): number {
  if (globalThis.gc === undefined) throw new Error("run it with --expose-gc");
  for (let time = 0; time < 3; time += 1) globalThis.gc();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

function certificates(): number {
  const { n = "", e = "" } = generateKeyPairSync("rsa", { modulusLength: 2_048 }).publicKey.export({ format: "jwk" });
  const modulus = Buffer.from(n, "base64url");
  return fill(certificateForm(KEPT_KEYS), (number) => {
    modulus.writeUInt32BE(number, 128); // another number of the same size: nothing is verified with it
    const key = createPublicKey({ key: { kty: "RSA", n: modulus.toString("base64url"), e }, format: "jwk" });
    const entry = { ...IN_FORCE, listsFreshUntilMs: Number.POSITIVE_INFINITY, key, names: [fleetIdentity(number)] };
    return { text: pem(key), entry };
  });
}

/** No certificate, but the key stands in it as in one. */
function pem(key: KeyObject): string {
  const lines = key
    .export({ format: "der", type: "spki" })
    .toString("base64")
    .match(/.{1,64}/g);
  return `-----BEGIN CERTIFICATE-----\n${lines?.join("\n")}\n-----END CERTIFICATE-----\n`;
}

function tokens(): number {
  const anchor = "ab".repeat(32);
  const holders: readonly KeyObject[] = Array.from({ length: 16 }, () => generateKeyPairSync("ed25519").publicKey);
  const entryOf = (number: number) => ({
    ...IN_FORCE,
    anchor,
    holder: holders[number % holders.length] ?? null,
    claims: {
      purpose: SERVER,
      identity: fleetIdentity(number),
      callerId: null,
      collectives: [COLLECTIVE],
      permissions: new Set<string>(),
    },
  });
  return fill(tokenForm([anchor], KEPT_KEYS), (number) => ({ text: String(number), entry: entryOf(number) }));
}

process.stdout.write(JSON.stringify(process.argv[2] === "v1" ? certificates() : tokens()));
