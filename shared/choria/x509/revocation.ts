import "reflect-metadata";
import { verify, type X509Certificate } from "node:crypto";
import * as x509 from "@peculiar/x509";
import { hashName, normalSerial } from "./certificate.ts";

/** A parsed revocation list. It counts only for certificates whose issuer's key has signed it. */
export interface RevocationList {
  readonly issuer: string;
  readonly revokedSerials: ReadonlySet<string>;
  /** Infinity when the list names none. */
  readonly nextUpdateMs: number;
  isSignedBy(issuer: X509Certificate): boolean;
}

/** Extensions that would change what the list means (delta lists, lists by reason or scope) and are not supported. */
const CHANGES_MEANING: ReadonlySet<string> = new Set(["2.5.29.27", "2.5.29.28"]);
const SUPPORTED_HASHES: ReadonlySet<string> = new Set(["SHA-256", "SHA-384", "SHA-512"]);

/** Throws an Error that says what is wrong with the list. */
export function readRevocationList(der: Buffer): RevocationList {
  const list = new x509.X509Crl(der);
  const hashAlgorithm = hashName(list.signatureAlgorithm);
  if (!SUPPORTED_HASHES.has(hashAlgorithm)) throw new Error(`is signed with ${hashAlgorithm}, not with SHA-2`);
  const unsupported = list.extensions.find((extension) => extension.critical || CHANGES_MEANING.has(extension.type));
  if (unsupported !== undefined) throw new Error(`has the unsupported extension ${unsupported.type}`);
  return {
    issuer: list.issuer,
    revokedSerials: new Set(list.entries.map((entry) => normalSerial(entry.serialNumber))),
    nextUpdateMs: list.nextUpdate?.getTime() ?? Number.POSITIVE_INFINITY,
    isSignedBy: signatureCheck(list, der, hashAlgorithm),
  };
}

/** Remembers the answer per issuer: a large list is hashed once, not once per certificate. */
function signatureCheck(list: x509.X509Crl, der: Buffer, hashAlgorithm: string): (issuer: X509Certificate) => boolean {
  const answers = new Map<string, boolean>();
  const signed = firstElement(der);
  const signature = new Uint8Array(list.signature);
  return (issuer) => {
    const known = answers.get(issuer.fingerprint256);
    if (known !== undefined) return known;
    const answer = isSigned(hashAlgorithm, { signed, signature }, issuer);
    answers.set(issuer.fingerprint256, answer);
    return answer;
  };
}

interface SignedBytes {
  readonly signed: Uint8Array;
  readonly signature: Uint8Array;
}

function isSigned(hashAlgorithm: string, { signed, signature }: SignedBytes, issuer: X509Certificate): boolean {
  try {
    return verify(hashAlgorithm.replace("-", "").toLowerCase(), signed, issuer.publicKey, signature);
  } catch {
    return false;
  }
}

/** The signed part of a list: the first element within the outer DER sequence, its header included. */
function firstElement(der: Buffer): Buffer {
  const outer = elementHeader(der, 0);
  const inner = elementHeader(der, outer.contentStart);
  return der.subarray(outer.contentStart, inner.contentStart + inner.contentBytes);
}

function elementHeader(der: Buffer, at: number): { readonly contentStart: number; readonly contentBytes: number } {
  const first = der.readUInt8(at + 1);
  if (first < 0x80) return { contentStart: at + 2, contentBytes: first };
  const lengthBytes = first & 0x7f;
  return { contentStart: at + 2 + lengthBytes, contentBytes: der.readUIntBE(at + 2, lengthBytes) };
}
