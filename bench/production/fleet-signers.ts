import "reflect-metadata"; // @peculiar/x509's container asks for it before it is loaded
import { generateKeyPair, generateKeyPairSync, KeyObject, randomBytes, sign, webcrypto } from "node:crypto";
import { promisify } from "node:util";
import * as x509 from "@peculiar/x509";
import { NODE_PATTERN } from "../../functions/simulate/identity.ts";
import { issueServerToken, publicKeyHex } from "../../functions/simulate/tokens.ts";
import { NOBODY } from "../../shared/choria/rules/deny.ts";
import type { TrustSettings } from "../../shared/choria/settings.ts";
import { childrenOf, contentOf, elementAt } from "../../shared/choria/x509/der.ts";
import { COLLECTIVE } from "../load.ts";
import { fleetIdentity } from "./fleet-load.ts";

/** Signs one message of each node, with a credential that it makes for it. */
export interface FleetSigner {
  readonly trust: TrustSettings;
  sign(
    number: number,
    identity: string,
    signed: string,
  ): Promise<{ readonly credential: Buffer; readonly signature: Buffer }>;
}

/**
 * RSA keys that the v1 nodes have in turn (a fifth of a second each to make). More than the bridge keeps objects of, so that
 * every message finds its key's object gone, as with a key for each node.
 */
const MOST_RSA_KEYS = 1_100;
/** Nodes to a key in smaller fleets. */
const SHARING = 30;
const LIFE_MS = 365 * 86_400_000;
const ECDSA = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const SERIAL_BYTES = 8;

x509.cryptoProvider.set(webcrypto);

/** v2: a key and a token for each node. */
export async function openV2Signer(): Promise<FleetSigner> {
  const issuer = generateKeyPairSync("ed25519").privateKey;
  const issuedAt = Math.floor(Date.now() / 1_000) - 3_600;
  return {
    trust: { ...trustOf({ v1: null, v2: publicKeyHex(issuer) }) },
    async sign(_number, identity, signed) {
      const { privateKey } = generateKeyPairSync("ed25519");
      const claims = {
        identity,
        collective: COLLECTIVE,
        organisation: ORGANISATION,
        publicKey: publicKeyHex(privateKey),
        issuedAt,
        expiresAt: issuedAt + LIFE_MS / 1_000,
      };
      const token = await issueServerToken(claims, issuer, randomBytes(16));
      return { credential: Buffer.from(token), signature: sign(null, Buffer.from(signed), privateKey) };
    },
  };
}

/** v1: a certificate for each node, over keys that come again; signed by a CA with an ECDSA key, which is quicker. */
export async function openV1Signer(senders: number, log: (line: string) => void): Promise<FleetSigner> {
  const authority = await makeAuthority();
  const keyCount = Math.min(MOST_RSA_KEYS, Math.ceil(senders / SHARING));
  log(`making ${keyCount} RSA keys`);
  const keys: NodeKey[] = [];
  for (let from = 0; from < keyCount; from += KEYS_AT_ONCE) {
    const count = Math.min(KEYS_AT_ONCE, keyCount - from);
    keys.push(...(await Promise.all(Array.from({ length: count }, () => makeNodeKey(authority)))));
  }
  return {
    trust: trustOf({ v1: authority.caPem, v2: null }),
    async sign(number, identity, signed) {
      const key = keys[number % keys.length] ?? missing();
      const credential = certificateOf(key.template, { number, identity }, authority.key);
      return { credential, signature: await signInPool(signed, key.privateKey) };
    },
  };
}

const KEYS_AT_ONCE = 8;
const ORGANISATION = "choria";
const makeRsaKeys = promisify(generateKeyPair);

interface Authority {
  readonly caPem: string;
  readonly key: KeyObject;
  readonly signingKey: webcrypto.CryptoKey;
  readonly name: string;
}

interface NodeKey {
  readonly privateKey: KeyObject;
  /** What is signed of node 0's certificate for this key. */
  readonly template: Buffer;
}

async function makeAuthority(): Promise<Authority> {
  const keys = await webcrypto.subtle.generateKey(ECDSA, true, ["sign", "verify"]);
  const name = "CN=Bench Fleet CA";
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name,
    serialNumber: "01",
    notBefore: new Date(Date.now() - LIFE_MS),
    notAfter: new Date(Date.now() + LIFE_MS),
    signingAlgorithm: ECDSA,
    keys,
    extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
  });
  const { privateKey: signingKey } = keys;
  return { caPem: `${certificate.toString("pem")}\n`, key: KeyObject.from(signingKey), signingKey, name };
}

async function makeNodeKey({ signingKey, name }: Authority): Promise<NodeKey> {
  const { privateKey, publicKey } = await makeRsaKeys("rsa", { modulusLength: 2_048 });
  const spki = publicKey.export({ format: "der", type: "spki" });
  const identity = fleetIdentity(0);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: "7f".padEnd(SERIAL_BYTES * 2, "0"),
    subject: `CN=${identity}`,
    issuer: name,
    notBefore: new Date(Date.now() - LIFE_MS),
    notAfter: new Date(Date.now() + LIFE_MS),
    signingAlgorithm: ECDSA,
    signingKey,
    publicKey: new x509.PublicKey(spki),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyEncipherment, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
      new x509.SubjectAlternativeNameExtension([{ type: "dns", value: identity }]),
    ],
  });
  const der = Buffer.from(certificate.rawData);
  const [signed = missing()] = childrenOf(der, elementAt(der, 0, der.length));
  return { privateKey, template: der.subarray(signed.start, signed.end) };
}

/** The template with another name and serial number, which have the same length, signed anew. */
function certificateOf(
  template: Buffer,
  node: { readonly number: number; readonly identity: string },
  key: KeyObject,
): Buffer {
  const signed = Buffer.from(template);
  const from = Buffer.from(fleetIdentity(0));
  for (let at = signed.indexOf(from); at !== -1; at = signed.indexOf(from, at))
    at += signed.write(node.identity, at, "latin1");
  const [, serial = missing(), algorithm = missing()] = childrenOf(signed, elementAt(signed, 0, signed.length));
  contentOf(signed, serial).writeUInt32BE(node.number, SERIAL_BYTES - 4);
  const signature = sign("sha256", signed, key);
  const bits = sequence(0x03, Buffer.concat([Buffer.from([0]), signature]));
  return sequence(0x30, Buffer.concat([signed, signed.subarray(algorithm.start, algorithm.end), bits]));
}

/** A DER element of up to 65,535 bytes. */
function sequence(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const head =
    length < 0x80 ? [tag, length] : length < 0x100 ? [tag, 0x81, length] : [tag, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(head), content]);
}

function signInPool(text: string, key: KeyObject): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    sign("sha256", Buffer.from(text), key, (error, signature) => (error ? reject(error) : resolve(signature)));
  });
}

function trustOf({ v1, v2 }: { readonly v1: string | null; readonly v2: string | null }): TrustSettings {
  const node = { crlPem: "", acceptStaleCrl: false, allow: [], privileged: [], nodes: [NODE_PATTERN] };
  const tokens = { trustedSigners: null, requireSignedReplies: true, delegatorsMayNameAnyCaller: false };
  return {
    v1: v1 === null ? null : { ...node, caPem: v1, allowInsecureRegistration: false },
    v2: v2 === null ? null : { ...tokens, issuers: { [ORGANISATION]: v2 } },
    deny: NOBODY,
    collectives: [COLLECTIVE],
    ttl: { minSeconds: 1, maxSeconds: 60 },
    limits: { maxBytes: 1_048_576, maxDepth: 32 },
    cacheEntries: CACHE_ENTRIES,
  };
}

/** The default of trust.cacheEntries. */
const CACHE_ENTRIES = 400_000;

function missing(): never {
  throw new Error("the template is no certificate");
}
