import "reflect-metadata";
import { verify, type X509Certificate } from "node:crypto";
import * as x509 from "@peculiar/x509";
import { childrenOf, contentOf, type Element, elementAt, normalSerial, objectId, TAG, timeOf, wholeOf } from "./der.ts";
import { SIGNATURE_ALGORITHMS } from "./signatures.ts";

/** A parsed revocation list. It counts only for certificates whose issuer's key has signed it. */
export interface RevocationList {
  readonly issuer: string;
  readonly revokedSerials: ReadonlySet<string>;
  /** The issuer's count of its lists, in hex; null when the list names none. */
  readonly number: string | null;
  /** Infinity when the list names none. */
  readonly nextUpdateMs: number;
  isSignedBy(issuer: X509Certificate): boolean;
}

/** Extensions that would change what the list means (delta lists, lists by reason or scope) and are not supported. */
const CHANGES_MEANING: ReadonlySet<string> = new Set(["2.5.29.27", "2.5.29.28"]);
const CRL_NUMBER = "2.5.29.20";

/** Reads a list (RFC 5280, section 5.1). Throws an Error that says what is wrong with it. */
export function readRevocationList(der: Buffer): RevocationList {
  const list = elementAt(der, 0, der.length);
  const [signed, algorithm, signature, ...more] = [...childrenOf(der, list)];
  const isWhole = list.end === der.length && list.tag === TAG.sequence && more.length === 0;
  if (!isWhole || signed?.tag !== TAG.sequence || algorithm === undefined || signature === undefined) {
    throw new Error("is no revocation list");
  }
  const hash = hashOf(der, algorithm);
  const fields = readFields(der, signed);
  // Both say how it was signed; one who could change the unsigned one must not have a choice.
  if (!wholeOf(der, fields.algorithm).equals(wholeOf(der, algorithm)))
    throw new Error("names two signature algorithms");
  const extensions = fields.extensions === null ? [] : readExtensions(der, fields.extensions);
  const unsupported = extensions.find(({ id, isCritical }) => isCritical || CHANGES_MEANING.has(id));
  if (unsupported !== undefined) throw new Error(`has the unsupported extension ${unsupported.id}`);
  const number = extensions.find(({ id }) => id === CRL_NUMBER);
  return {
    issuer: new x509.Name(wholeOf(der, fields.issuer)).toString(),
    revokedSerials: fields.revoked === null ? new Set() : readSerials(der, fields.revoked),
    number: number === undefined ? null : numberOf(der, number.value),
    nextUpdateMs: fields.nextUpdate === null ? Number.POSITIVE_INFINITY : timeOf(der, fields.nextUpdate),
    isSignedBy: signatureCheck(hash, { signed: wholeOf(der, signed), signature: bitsOf(der, signature) }),
  };
}

function hashOf(der: Buffer, algorithm: Element): string {
  const [id] = childrenOf(der, algorithm);
  if (id?.tag !== TAG.objectId) throw new Error("names no signature algorithm");
  const hash = SIGNATURE_ALGORITHMS.get(objectId(der, id));
  if (hash === undefined) throw new Error(`is signed with ${objectId(der, id)}, not with RSA or ECDSA and SHA-2`);
  return hash.replace("-", "").toLowerCase(); // as node:crypto names it
}

interface Fields {
  readonly algorithm: Element;
  readonly issuer: Element;
  readonly nextUpdate: Element | null;
  readonly revoked: Element | null;
  readonly extensions: Element | null;
}

/** The parts of the signed half; those that may be left out are told by their tags. */
function readFields(der: Buffer, signed: Element): Fields {
  const parts = [...childrenOf(der, signed)];
  const take = (...tags: number[]) => (tags.includes(parts[0]?.tag ?? -1) ? (parts.shift() ?? null) : null);
  take(TAG.integer); // the version; what version 1 lacks is missed by nobody
  const algorithm = take(TAG.sequence);
  const issuer = take(TAG.sequence);
  const thisUpdate = take(TAG.utcTime, TAG.generalizedTime);
  const nextUpdate = take(TAG.utcTime, TAG.generalizedTime);
  const revoked = take(TAG.sequence);
  const extensions = take(TAG.context0);
  if (algorithm === null || issuer === null || thisUpdate === null || parts.length > 0) {
    throw new Error("is no revocation list");
  }
  return { algorithm, issuer, nextUpdate, revoked, extensions };
}

function readSerials(der: Buffer, revoked: Element): ReadonlySet<string> {
  const serials = new Set<string>();
  for (const entry of childrenOf(der, revoked)) {
    const serial = elementAt(der, entry.contentStart, entry.end);
    if (serial.tag !== TAG.integer) throw new Error("has an entry without a serial number");
    serials.add(normalSerial(contentOf(der, serial).toString("hex")));
  }
  return serials;
}

interface Extension {
  readonly id: string;
  readonly isCritical: boolean;
  readonly value: Element;
}

function readExtensions(der: Buffer, tagged: Element): readonly Extension[] {
  const list = elementAt(der, tagged.contentStart, tagged.end);
  return [...childrenOf(der, list)].map((extension) => {
    const [id, ...rest] = childrenOf(der, extension);
    const value = rest.at(-1);
    if (id?.tag !== TAG.objectId || value?.tag !== TAG.octetString) throw new Error("has a broken extension");
    // DER leaves FALSE out: a boolean that is there is TRUE.
    return { id: objectId(der, id), isCritical: rest[0]?.tag === TAG.boolean, value };
  });
}

function numberOf(der: Buffer, value: Element): string {
  const number = elementAt(der, value.contentStart, value.end);
  if (number.tag !== TAG.integer) throw new Error("has a number that is none");
  return normalSerial(contentOf(der, number).toString("hex"));
}

/** The first byte counts unused bits, of which a signature has none. */
function bitsOf(der: Buffer, element: Element): Buffer {
  const content = contentOf(der, element);
  if (element.tag !== TAG.bitString || content[0] !== 0) throw new Error("has no signature");
  return content.subarray(1);
}

interface SignedBytes {
  readonly signed: Uint8Array;
  readonly signature: Uint8Array;
}

/** Remembers the answer per issuer: a large list is hashed once, not once per certificate. */
function signatureCheck(hash: string, bytes: SignedBytes): (issuer: X509Certificate) => boolean {
  const answers = new Map<string, boolean>();
  return (issuer) => {
    const known = answers.get(issuer.fingerprint256);
    if (known !== undefined) return known;
    const answer = isSigned(hash, bytes, issuer);
    answers.set(issuer.fingerprint256, answer);
    return answer;
  };
}

function isSigned(hash: string, { signed, signature }: SignedBytes, issuer: X509Certificate): boolean {
  try {
    return verify(hash, signed, issuer.publicKey, signature);
  } catch {
    return false;
  }
}
