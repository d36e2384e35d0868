import "reflect-metadata";
import * as x509 from "@peculiar/x509";
import type { CertificateFacts } from "./certificate.ts";
import {
  certificateParts,
  childrenOf,
  contentOf,
  type Element,
  elementAt,
  normalSerial,
  objectId,
  TAG,
  timeOf,
  wholeOf,
} from "./der.ts";
import { SIGNATURE_ALGORITHMS } from "./signatures.ts";

/**
 * The facts of an ordinary certificate, read straight from its DER: the X.509 library makes an object of every element and
 * takes fifty times as long, which after a restart is paid once for every node of the fleet. What is out of the ordinary is
 * left to that library: other algorithms, names beyond ASCII, alternative names beyond DNS and IP, repeated extensions.
 */

const CONTEXT = { issuerId: 0xa1, subjectId: 0xa2, extensions: 0xa3, dnsName: 0x82, ipAddress: 0x87 };
const TEXTS: ReadonlySet<number> = new Set([0x0c, 0x13, 0x16]); // UTF8String, PrintableString, IA5String
const SET = 0x31;
const COMMON_NAME = "2.5.4.3";
const ALTERNATIVE_NAMES = "2.5.29.17";
const BASIC_CONSTRAINTS = "2.5.29.19";
const NAME_CONSTRAINTS = "2.5.29.30";
const EXTENDED_KEY_USAGE = "2.5.29.37";
const IP_BYTES: ReadonlySet<number> = new Set([4, 16]);
/** Longer identifiers might hold numbers that are no safe integers. */
const MAX_ID_BYTES = 16;
const ASCII = /^[\u0020-\u007e]*$/;

/** The certificate is out of the ordinary. */
class Extraordinary extends Error {}

/** The facts of a certificate that OpenSSL has parsed; null when it is out of the ordinary. */
export function ordinaryFacts(der: Buffer): CertificateFacts | null {
  try {
    return readCertificate(der);
  } catch {
    return null;
  }
}

function readCertificate(der: Buffer): CertificateFacts {
  const { fields, algorithm } = certificateParts(der);
  const [serial, , issuer, validity, subject, , ...optional] = fields;
  const [notBefore, notAfter] = childrenOf(der, expect(validity, TAG.sequence));
  const issuerName = readName(der, expect(issuer, TAG.sequence));
  const subjectName = readName(der, expect(subject, TAG.sequence));
  const extensions = readExtensions(der, optional);
  return {
    // Only refusals ask for these.
    get subject() {
      return subjectName.text();
    },
    get issuer() {
      return issuerName.text();
    },
    serial: normalSerial(contentOf(der, expect(serial, TAG.integer)).toString("hex")),
    names: [...extensions.dnsNames, ...subjectName.commonNames.slice(-1)],
    notBeforeMs: readTime(der, notBefore),
    notAfterMs: readTime(der, notAfter),
    signatureHash: readHash(der, expect(algorithm, TAG.sequence)),
    extendedKeyUsages: extensions.usages,
    isCa: extensions.isCa,
    pathLength: extensions.pathLength,
    criticalExtensions: extensions.critical,
    hasNameConstraints: extensions.ids.has(NAME_CONSTRAINTS),
  };
}

function expect(element: Element | undefined, tag: number): Element {
  if (element?.tag === tag) return element;
  throw new Extraordinary();
}

/** The one element that fills these bytes. */
function only(der: Buffer, { contentStart, end }: Element): Element {
  const element = elementAt(der, contentStart, end);
  if (element.end === end) return element;
  throw new Extraordinary();
}

function readId(der: Buffer, element: Element | undefined): string {
  const id = expect(element, TAG.objectId);
  if (id.end - id.contentStart <= MAX_ID_BYTES) return objectId(der, id);
  throw new Extraordinary();
}

function readAscii(der: Buffer, element: Element): string {
  const text = contentOf(der, element).toString("latin1");
  if (ASCII.test(text)) return text;
  throw new Extraordinary();
}

function readTime(der: Buffer, element: Element | undefined): number {
  const ms = element === undefined ? Number.NaN : timeOf(der, element);
  if (!Number.isNaN(ms)) return ms;
  throw new Extraordinary();
}

function readHash(der: Buffer, algorithm: Element): string {
  const [id] = childrenOf(der, algorithm);
  const hash = SIGNATURE_ALGORITHMS.get(readId(der, id));
  if (hash !== undefined) return hash;
  throw new Extraordinary();
}

interface ReadName {
  readonly commonNames: readonly string[];
  /** As the X.509 library writes names. */
  readonly text: () => string;
}

function readName(der: Buffer, name: Element): ReadName {
  const commonNames: string[] = [];
  for (const set of childrenOf(der, name)) {
    for (const attribute of childrenOf(der, expect(set, SET))) {
      const [type, value, ...more] = childrenOf(der, expect(attribute, TAG.sequence));
      if (value === undefined || !TEXTS.has(value.tag) || more.length > 0) throw new Extraordinary();
      const text = readAscii(der, value);
      if (readId(der, type) === COMMON_NAME) commonNames.push(text);
    }
  }
  const bytes = wholeOf(der, name);
  return { commonNames, text: () => new x509.Name(bytes).toString() };
}

interface Extensions {
  readonly ids: ReadonlySet<string>;
  readonly critical: readonly string[];
  readonly dnsNames: readonly string[];
  readonly usages: readonly string[] | null;
  readonly isCa: boolean;
  readonly pathLength: number | null;
}

interface Extension {
  readonly id: string;
  readonly isCritical: boolean;
  /** The OCTET STRING with the extension's value. */
  readonly value: Element;
}

function readExtensions(der: Buffer, optional: readonly Element[]): Extensions {
  const wrapper = optional.find(({ tag }) => tag === CONTEXT.extensions);
  if (optional.some(({ tag }) => tag !== CONTEXT.extensions)) throw new Extraordinary(); // unique ids, of version 2
  const list = wrapper === undefined ? [] : [...childrenOf(der, expect(only(der, wrapper), TAG.sequence))];
  const extensions = list.map((element) => readExtension(der, element));
  const byId = new Map(extensions.map((extension) => [extension.id, extension]));
  if (byId.size < extensions.length) throw new Extraordinary();
  const contentFor = (id: string): Element | null => {
    const extension = byId.get(id);
    return extension === undefined ? null : expect(only(der, extension.value), TAG.sequence);
  };
  const [alternatives, usages] = [contentFor(ALTERNATIVE_NAMES), contentFor(EXTENDED_KEY_USAGE)];
  return {
    ids: new Set(byId.keys()),
    critical: extensions.filter(({ isCritical }) => isCritical).map(({ id }) => id),
    dnsNames: alternatives === null ? [] : readDnsNames(der, alternatives),
    usages: usages === null ? null : [...childrenOf(der, usages)].map((usage) => readId(der, usage)),
    ...readConstraints(der, contentFor(BASIC_CONSTRAINTS)),
  };
}

function readExtension(der: Buffer, element: Element): Extension {
  const [id, second, ...rest] = childrenOf(der, expect(element, TAG.sequence));
  const hasFlag = second?.tag === TAG.boolean;
  const [value, ...more] = hasFlag ? rest : [second, ...rest];
  if (more.length > 0) throw new Extraordinary();
  return {
    id: readId(der, id),
    isCritical: hasFlag && readBoolean(der, second),
    value: expect(value, TAG.octetString),
  };
}

function readBoolean(der: Buffer, element: Element): boolean {
  const bytes = contentOf(der, element);
  if (bytes.length === 1 && (bytes[0] === 0xff || bytes[0] === 0)) return bytes[0] === 0xff;
  throw new Extraordinary();
}

function readDnsNames(der: Buffer, alternatives: Element): readonly string[] {
  const names: string[] = [];
  for (const name of childrenOf(der, alternatives)) {
    if (name.tag === CONTEXT.dnsName) names.push(readAscii(der, name));
    else if (name.tag !== CONTEXT.ipAddress || !IP_BYTES.has(name.end - name.contentStart)) throw new Extraordinary();
  }
  return names;
}

function readConstraints(der: Buffer, constraints: Element | null): Pick<Extensions, "isCa" | "pathLength"> {
  const parts = constraints === null ? [] : [...childrenOf(der, constraints)];
  const isCa = parts[0]?.tag === TAG.boolean && readBoolean(der, parts[0]);
  const [length, ...more] = parts[0]?.tag === TAG.boolean ? parts.slice(1) : parts;
  if (more.length > 0) throw new Extraordinary();
  return { isCa, pathLength: length === undefined ? null : readLength(der, expect(length, TAG.integer)) };
}

function readLength(der: Buffer, element: Element): number {
  const [length, ...more] = contentOf(der, element);
  if (length !== undefined && length < 0x80 && more.length === 0) return length;
  throw new Extraordinary();
}
