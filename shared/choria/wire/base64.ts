/**
 * Bytes of canonical base64 (RFC 4648 section 4: standard alphabet, padded, no line breaks, unused bits zero); null
 * otherwise. `Buffer.from` takes anything, so the text is held against its own re-encoding: one text per value.
 */
export function decodeBase64(text: string): Buffer | null {
  if (text.length % 4 !== 0) return null;
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64") === text ? bytes : null;
}

/** Bytes of unpadded base64url (RFC 7515), as in a JWT; null otherwise. */
export function decodeBase64Url(text: string): Buffer | null {
  const bytes = Buffer.from(text, "base64url");
  return bytes.toString("base64url") === text ? bytes : null;
}
