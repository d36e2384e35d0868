/**
 * Just enough DER (X.690) to walk certificates and revocation lists element by element. X.509 libraries make an object of
 * every element, and the one used for certificates refuses more than some thousands of them: a list of a large fleet has
 * millions.
 */

export const TAG = {
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectId: 0x06,
  boolean: 0x01,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  /** `[0]`, constructed. */
  context0: 0xa0,
} as const;

export interface Element {
  readonly tag: number;
  /** Where the element begins, its header included. */
  readonly start: number;
  readonly contentStart: number;
  readonly end: number;
}

/** The element that begins at `at` and ends at `limit` or before. Throws an Error for what is no DER. */
export function elementAt(der: Buffer, at: number, limit: number): Element {
  if (at + 2 > limit) throw new Error("is cut short");
  const first = der.readUInt8(at + 1);
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
  // 0x80 is BER's indefinite length; 4 bytes are more than a list can have.
  if (first === 0x80 || lengthBytes > 4 || at + 2 + lengthBytes > limit) throw new Error("is no DER");
  const contentStart = at + 2 + lengthBytes;
  const end = contentStart + (lengthBytes === 0 ? first : der.readUIntBE(at + 2, lengthBytes));
  if (end > limit) throw new Error("is cut short");
  return { tag: der.readUInt8(at), start: at, contentStart, end };
}

/** The elements within another, one by one. */
export function* childrenOf(der: Buffer, { contentStart, end }: Element): Generator<Element, void> {
  for (let at = contentStart; at < end; ) {
    const child = elementAt(der, at, end);
    yield child;
    at = child.end;
  }
}

export interface CertificateParts {
  /** Of the signed half, in their order (RFC 5280, 4.1), the version left out. */
  readonly fields: readonly Element[];
  readonly algorithm: Element | undefined;
}

/** Throws an Error for what is no certificate. */
export function certificateParts(der: Buffer): CertificateParts {
  const certificate = elementAt(der, 0, der.length);
  const [signed, algorithm] = childrenOf(der, certificate);
  if (certificate.tag !== TAG.sequence || signed?.tag !== TAG.sequence) throw new Error("is no certificate");
  const fields = [...childrenOf(der, signed)];
  if (fields[0]?.tag === TAG.context0) fields.shift(); // the version
  return { fields, algorithm };
}

/** The element with its header. */
export function wholeOf(der: Buffer, { start, end }: Element): Buffer {
  return der.subarray(start, end);
}

export function contentOf(der: Buffer, { contentStart, end }: Element): Buffer {
  return der.subarray(contentStart, end);
}

/** `1.2.840.…` */
export function objectId(der: Buffer, element: Element): string {
  const arcs: number[] = [];
  let arc = 0;
  for (const byte of contentOf(der, element)) {
    arc = arc * 128 + (byte & 0x7f);
    if (byte < 0x80) {
      arcs.push(arc);
      arc = 0;
    }
  }
  const [first = 0, ...rest] = arcs;
  const root = Math.min(2, Math.floor(first / 40));
  return [root, first - root * 40, ...rest].join(".");
}

const UTC_TIME = /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/;
const GENERALIZED_TIME = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/;

/** Unix milliseconds of a Time in the forms that RFC 5280 (4.1.2.5) allows; NaN for any other. */
export function timeOf(der: Buffer, element: Element): number {
  const text = contentOf(der, element).toString("latin1");
  const parts = (element.tag === TAG.utcTime ? UTC_TIME : GENERALIZED_TIME).exec(text);
  if (parts === null) return Number.NaN;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts.slice(1).map(Number);
  const century = element.tag === TAG.utcTime ? (year < 50 ? 2_000 : 1_900) : 0;
  return Date.UTC(century + year, month - 1, day, hour, minute, second);
}

/** Lower hex without leading zeros, so that serials of certificates and revocation lists compare equal. */
export function normalSerial(hex: string): string {
  return hex.toLowerCase().replace(/^0+(?=.)/, "");
}
