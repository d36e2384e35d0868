import type { X509Certificate } from "node:crypto";
import { childrenOf, contentOf, type Element, elementAt, objectId, TAG } from "./der.ts";

/** How the string types of a name (RFC 5280, 4.1.2.4) hold their text. T61String is taken for Latin-1, as by OpenSSL. */
const TEXTS: ReadonlyMap<number, (bytes: Buffer) => string> = new Map([
  [0x0c, (bytes: Buffer) => bytes.toString("utf8")],
  [0x12, (bytes: Buffer) => bytes.toString("latin1")],
  [0x13, (bytes: Buffer) => bytes.toString("latin1")],
  [0x14, (bytes: Buffer) => bytes.toString("latin1")],
  [0x16, (bytes: Buffer) => bytes.toString("latin1")],
  [0x1e, (bytes: Buffer) => new TextDecoder("utf-16be").decode(bytes)],
]);
/** Where the subject stands in a certificate behind its version. */
const SUBJECT_INDEX = 4;

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

/** The subject of a certificate; null when it cannot be read. */
export function canonicalSubject({ raw }: X509Certificate): string | null {
  try {
    const [signed] = childrenOf(raw, elementAt(raw, 0, raw.length));
    const parts = signed === undefined ? [] : [...childrenOf(raw, signed)];
    if (parts[0]?.tag === TAG.context0) parts.shift(); // the version
    const subject = parts[SUBJECT_INDEX];
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
