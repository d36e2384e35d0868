import "reflect-metadata";
import { verify, type X509Certificate } from "node:crypto";
import * as x509 from "@peculiar/x509";
import { childrenOf, contentOf, type Element, elementAt, normalSerial, objectId, TAG, timeOf, wholeOf } from "./der.ts";
import { canonicalName, canonicalSubject } from "./name.ts";
import { SIGNATURE_ALGORITHMS } from "./signatures.ts";

/** A parsed revocation list. It counts only for certificates whose issuer has issued it too (see `isIssuerOf`). */
export interface RevocationList {
  /** For people: names are compared by `issuerName`. */
  readonly issuer: string;
  readonly issuerName: string;
  /** The key identifier of the key that has signed it, lower hex, as the list says; null when it does not. */
  readonly issuerKeyId: string | null;
  readonly revokedSerials: ReadonlySet<string>;
  /** The issuer's count of its lists, in hex; null when the list names none. */
  readonly number: string | null;
  readonly thisUpdateMs: number;
  /** Infinity when the list names none. */
  readonly nextUpdateMs: number;
  isSignedBy(issuer: X509Certificate): boolean;
}

/** Extensions that would change what the list means (delta lists, lists by reason or scope) and are not supported. */
const CHANGES_MEANING: ReadonlySet<string> = new Set(["2.5.29.27", "2.5.29.28"]);
const CRL_NUMBER = "2.5.29.20";
const AUTHORITY_KEY_ID = "2.5.29.35";
/** `[0]`, primitive: the key identifier within an authority key identifier. */
const KEY_ID = 0x80;

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
  const authority = extensions.find(({ id }) => id === AUTHORITY_KEY_ID);
  return {
    issuer: new x509.Name(wholeOf(der, fields.issuer)).toString(),
    issuerName: canonicalName(der, fields.issuer),
    issuerKeyId: authority === undefined ? null : keyIdOf(der, authority.value),
    revokedSerials: fields.revoked === null ? new Set() : readSerials(der, fields.revoked),
    number: number === undefined ? null : numberOf(der, number.value),
    thisUpdateMs: momentOf(der, fields.thisUpdate),
    nextUpdateMs: fields.nextUpdate === null ? Number.POSITIVE_INFINITY : timeOf(der, fields.nextUpdate),
    isSignedBy: signatureCheck(hash, { signed: wholeOf(der, signed), signature: bitsOf(der, signature) }),
  };
}

/** Whether a certificate's holder has issued the list: it bears the name that the list says, and its key has signed. */
export function isIssuerOf(list: RevocationList, certificate: X509Certificate): boolean {
  const name = canonicalSubject(certificate);
  // A name that cannot be read must not hide the list: the signature decides.
  return (name === null || name === list.issuerName) && list.isSignedBy(certificate);
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
  readonly thisUpdate: Element;
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
  return { algorithm, issuer, thisUpdate, nextUpdate, revoked, extensions };
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

/** Null without one: an issuer may be told by the name and serial of its certificate instead. */
function keyIdOf(der: Buffer, value: Element): string | null {
  const parts = [...childrenOf(der, elementAt(der, value.contentStart, value.end))];
  const id = parts.find(({ tag }) => tag === KEY_ID);
  return id === undefined ? null : contentOf(der, id).toString("hex");
}

/** One that cannot be read could not be told from an older one. */
function momentOf(der: Buffer, element: Element): number {
  const ms = timeOf(der, element);
  if (Number.isNaN(ms)) throw new Error("says no time of its update");
  return ms;
}

function numberOf(der: Buffer, value: Element): string {
  const number = elementAt(der, value.contentStart, value.end);
  const content = contentOf(der, number);
  if (number.tag !== TAG.integer || content.length === 0) throw new Error("has a number that is none");
  return normalSerial(content.toString("hex"));
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
