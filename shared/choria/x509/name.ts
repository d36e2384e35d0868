import type { X509Certificate } from "node:crypto";
import { certificateParts, childrenOf, contentOf, type Element, objectId, TAG } from "./der.ts";

/** How the string types of a name (RFC 5280, 4.1.2.4) hold their text. T61String is taken for Latin-1, as by OpenSSL. */
const TEXTS: ReadonlyMap<number, (bytes: Buffer) => string> = new Map([
  [0x0c, (bytes: Buffer) => bytes.toString("utf8")],
  [0x12, (bytes: Buffer) => bytes.toString("latin1")],
  [0x13, (bytes: Buffer) => bytes.toString("latin1")],
  [0x14, (bytes: Buffer) => bytes.toString("latin1")],
  [0x16, (bytes: Buffer) => bytes.toString("latin1")],
  [0x1e, (bytes: Buffer) => new TextDecoder("utf-16be").decode(bytes)],
]);

/**
 * A name in the form in which RFC 5280 (7.1) compares: string type, letter case, white space and the order within a set do not
 * count. The text of a name will not do: a CA may write one name in two ways, and its list would count for one of them
 * alone. Throws an Error for what is no name.
 */
export function canonicalName(der: Buffer, name: Element): string {
  const sets = [...childrenOf(der, name)].map((set) =>
    [...childrenOf(der, set)].map((attribute) => canonicalAttribute(der, attribute)).sort(),
  );
  return JSON.stringify(sets);
}

/** A CA's is asked for with each certificate that it has issued, once for each list. */
const subjects = new WeakMap<X509Certificate, string | null>();

/** The subject of a certificate; null when it cannot be read. */
export function canonicalSubject(certificate: X509Certificate): string | null {
  const known = subjects.get(certificate);
  if (known !== undefined) return known;
  const subject = readSubject(certificate);
  subjects.set(certificate, subject);
  return subject;
}

function readSubject({ raw }: X509Certificate): string | null {
  try {
    const [, , , , subject] = certificateParts(raw).fields;
    return subject === undefined ? null : canonicalName(raw, subject);
  } catch {
    return null;
  }
}

function canonicalAttribute(der: Buffer, attribute: Element): string {
  const [type, value] = childrenOf(der, attribute);
  if (type?.tag !== TAG.objectId || value === undefined) throw new Error("has a broken name");
  const bytes = contentOf(der, value);
  const text = TEXTS.get(value.tag)?.(bytes);
  // The marks keep a text that looks like bytes from being taken for them.
  const written = text === undefined ? `#${value.tag} ${bytes.toString("hex")}` : `"${folded(text)}`;
  return `${objectId(der, type)} ${written}`;
}

function folded(text: string): string {
  return text.normalize("NFKC").toLowerCase().trim().replace(/\s+/g, " ");
}
