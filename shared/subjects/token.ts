import { Buffer } from "node:buffer";

/** What stands as it is inside one subject token. The dot separates tokens; `*`, `>` and spaces mean something to NATS. */
const PLAIN = /^[A-Za-z0-9_=@-]+$/;
const PLAIN_TOKENS = /^[A-Za-z0-9_=@-]+(?:\.[A-Za-z0-9_=@-]+)*$/;
const ENCODED = /^(?:[A-Za-z0-9_=@-]|%[0-9A-F]{2})+$/;

/** No value encodes to a bare "%", so it can stand for the empty one: a token is never empty. */
const EMPTY = "%";

/**
 * Any text as one subject token: everything but letters, digits, `_ - = @` becomes %XX of its UTF-8 bytes. Reversible for
 * well-formed text; a lone surrogate has no UTF-8 form and becomes U+FFFD.
 */
export function encodeToken(value: string): string {
  if (PLAIN.test(value)) return value;
  if (value === "") return EMPTY;
  let encoded = "";
  for (const byte of Buffer.from(value, "utf8")) encoded += encodeByte(byte);
  return encoded;
}

/** As `encodeToken`, but dots stay: `web1.example.net` is three tokens. Only for the end of a subject. */
export function encodeTokens(value: string): string {
  if (PLAIN_TOKENS.test(value)) return value;
  return value.split(".").map(encodeToken).join(".");
}

/** The value that `encodeToken` made the token of; null for a token that it never makes. */
export function decodeToken(token: string): string | null {
  if (token === EMPTY) return "";
  if (!ENCODED.test(token)) return null;
  try {
    const value = decodeURIComponent(token);
    return encodeToken(value) === token ? value : null; // "%41" says "A" in a way we never do
  } catch {
    return null; // the bytes are no UTF-8
  }
}

function encodeByte(byte: number): string {
  const char = String.fromCharCode(byte);
  return PLAIN.test(char) ? char : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
}
