const BEGIN = "-----BEGIN ";
const DASHES = "-----";
const BASE64_BODY = /^[A-Za-z0-9+/=\s]*$/;

export interface PemBlock {
  readonly label: string;
  readonly der: Buffer;
  /** Where its base64 begins in the text. */
  readonly bodyAt: number;
}

/**
 * The PEM blocks of a text (RFC 7468) in order, text between them ignored as Go does; null when a block is cut short,
 * has headers or is not base64.
 */
export function readPem(text: string): readonly PemBlock[] | null {
  const blocks: PemBlock[] = [];
  for (let start = text.indexOf(BEGIN); start !== -1; start = text.indexOf(BEGIN, start)) {
    const labelEnd = text.indexOf(DASHES, start + BEGIN.length);
    if (labelEnd === -1) return null;
    const label = text.slice(start + BEGIN.length, labelEnd);
    const footer = `-----END ${label}-----`;
    const bodyEnd = text.indexOf(footer, labelEnd);
    if (bodyEnd === -1) return null;
    const bodyAt = labelEnd + DASHES.length;
    const body = text.slice(bodyAt, bodyEnd);
    if (!BASE64_BODY.test(body)) return null;
    blocks.push({ label, der: Buffer.from(body, "base64"), bodyAt });
    start = bodyEnd + footer.length;
  }
  return blocks;
}
